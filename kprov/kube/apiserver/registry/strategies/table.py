"""Which kind has rules of its own."""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.strategies import core, workloads
from kprov.kube.apiserver.registry.strategies.generic import ResourceStrategy
from kprov.kube.apiserver.registry.strategies.pods import PodStrategy
from kprov.kube.apiserver.registry.strategies.services import ServiceStrategy

STRATEGIES: Final[dict[tuple[str, str], type[ResourceStrategy]]] = {
    ("", "endpoints"): core.EndpointsStrategy,
    ("", "events"): core.EventStrategy,
    ("", "limitranges"): core.LimitRangeStrategy,
    ("", "namespaces"): core.NamespaceStrategy,
    ("", "nodes"): core.NodeStrategy,
    ("", "pods"): PodStrategy,
    ("", "podtemplates"): workloads.PodTemplateStrategy,
    ("", "replicationcontrollers"): workloads.ReplicationControllerStrategy,
    ("", "secrets"): core.SecretStrategy,
    ("", "services"): ServiceStrategy,
    ("apps", "daemonsets"): workloads.DaemonSetStrategy,
    ("apps", "deployments"): workloads.DeploymentStrategy,
    ("apps", "replicasets"): workloads.ReplicaSetStrategy,
    ("apps", "statefulsets"): workloads.StatefulSetStrategy,
    ("batch", "cronjobs"): workloads.CronJobStrategy,
    ("batch", "jobs"): workloads.JobStrategy,
    ("events.k8s.io", "events"): core.EventStrategy,
}
