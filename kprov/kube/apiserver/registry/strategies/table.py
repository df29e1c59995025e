"""Which kind has rules of its own."""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.strategies import core, groups, storage, workloads
from kprov.kube.apiserver.registry.strategies.certificates import CertificateSigningRequestStrategy
from kprov.kube.apiserver.registry.strategies.events import EventStrategy
from kprov.kube.apiserver.registry.strategies.generic import ResourceStrategy
from kprov.kube.apiserver.registry.strategies.pods import PodStrategy
from kprov.kube.apiserver.registry.strategies.services import ServiceStrategy

STRATEGIES: Final[dict[tuple[str, str], type[ResourceStrategy]]] = {
    ("", "configmaps"): core.ConfigMapStrategy,
    ("", "endpoints"): core.EndpointsStrategy,
    ("", "events"): EventStrategy,
    ("", "limitranges"): core.LimitRangeStrategy,
    ("", "namespaces"): core.NamespaceStrategy,
    ("", "nodes"): core.NodeStrategy,
    ("", "persistentvolumeclaims"): storage.PersistentVolumeClaimStrategy,
    ("", "persistentvolumes"): storage.PersistentVolumeStrategy,
    ("", "pods"): PodStrategy,
    ("", "podtemplates"): workloads.PodTemplateStrategy,
    ("", "replicationcontrollers"): workloads.ReplicationControllerStrategy,
    ("", "secrets"): core.SecretStrategy,
    ("", "services"): ServiceStrategy,
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"): groups.AdmissionPolicyStrategy,
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): groups.WebhookConfigurationStrategy,
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"): groups.AdmissionPolicyStrategy,
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): groups.WebhookConfigurationStrategy,
    ("apiextensions.k8s.io", "customresourcedefinitions"): groups.CustomResourceDefinitionStrategy,
    ("apiregistration.k8s.io", "apiservices"): groups.ApiServiceStrategy,
    ("apps", "daemonsets"): workloads.DaemonSetStrategy,
    ("apps", "deployments"): workloads.DeploymentStrategy,
    ("apps", "replicasets"): workloads.ReplicaSetStrategy,
    ("apps", "statefulsets"): workloads.StatefulSetStrategy,
    ("autoscaling", "horizontalpodautoscalers"): groups.AutoscalerStrategy,
    ("batch", "cronjobs"): workloads.CronJobStrategy,
    ("batch", "jobs"): workloads.JobStrategy,
    ("certificates.k8s.io", "certificatesigningrequests"): CertificateSigningRequestStrategy,
    ("coordination.k8s.io", "leases"): groups.LeaseStrategy,
    ("discovery.k8s.io", "endpointslices"): groups.EndpointSliceStrategy,
    ("networking.k8s.io", "ingressclasses"): groups.IngressClassStrategy,
    ("networking.k8s.io", "ingresses"): groups.IngressStrategy,
    ("networking.k8s.io", "ipaddresses"): groups.IpAddressStrategy,
    ("networking.k8s.io", "networkpolicies"): groups.NetworkPolicyStrategy,
    ("policy", "poddisruptionbudgets"): groups.PodDisruptionBudgetStrategy,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): groups.BindingStrategy,
    ("rbac.authorization.k8s.io", "clusterroles"): groups.RoleStrategy,
    ("rbac.authorization.k8s.io", "rolebindings"): groups.BindingStrategy,
    ("rbac.authorization.k8s.io", "roles"): groups.RoleStrategy,
    ("scheduling.k8s.io", "priorityclasses"): groups.PriorityClassStrategy,
    ("storage.k8s.io", "csidrivers"): storage.CsiDriverStrategy,
    ("storage.k8s.io", "storageclasses"): storage.StorageClassStrategy,
    ("storage.k8s.io", "volumeattachments"): storage.VolumeAttachmentStrategy,
}
