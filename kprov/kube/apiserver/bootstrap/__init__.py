"""Post-start hooks: the objects that every cluster has, and controllers that run in the API server.

app.py calls post_start_hooks. May import: everything but server; nothing but app imports it.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from functools import partial

from kprov.kube.apiserver.bootstrap import (
    api_services,
    cluster_facts,
    kubernetes_service,
    priority_and_fairness,
    rbac,
    server_identity,
    system,
)
from kprov.kube.apiserver.bootstrap.authentication_trust import run
from kprov.kube.apiserver.bootstrap.custom_definitions import DefinitionController
from kprov.kube.apiserver.bootstrap.post_start_hook import PostStartHook
from kprov.kube.apiserver.registry.core.service import allocators
from kprov.kube.apiserver.registry.core.service.allocators.repair import Repair
from kprov.kube.apiserver.registry.custom_kinds import CustomKindsPublisher
from kprov.kube.apiserver.registry.registry import Registry

__all__ = ["post_start_hooks"]


def post_start_hooks(
    options: Namespace, registry: Registry, custom_kinds: CustomKindsPublisher
) -> Sequence[PostStartHook]:
    """Return the hooks of this server under upstream's names, in upstream's order."""
    return [
        PostStartHook(
            "priority-and-fairness-config-consumer", partial(priority_and_fairness.run_consumer, registry)
        ),
        PostStartHook("start-system-namespaces-controller", partial(system.run_namespaces, registry)),
        PostStartHook(
            "start-cluster-authentication-info-controller",
            partial(run, options, registry),
        ),
        PostStartHook(
            "start-kube-apiserver-identity-lease-controller", partial(server_identity.run, options, registry)
        ),
        PostStartHook(
            "start-kube-apiserver-identity-lease-garbage-collector",
            partial(server_identity.run_garbage_collector, registry),
        ),
        PostStartHook(
            "start-legacy-token-tracking-controller", partial(cluster_facts.run_token_tracking, registry)
        ),
        PostStartHook(
            "start-service-ip-repair-controllers",
            Repair(registry, *allocators.build(options, registry)).run,
        ),
        PostStartHook("rbac/bootstrap-roles", partial(rbac.run, registry)),
        PostStartHook(
            "scheduling/bootstrap-system-priority-classes", partial(system.create_priority_classes, registry)
        ),
        PostStartHook(
            "priority-and-fairness-config-producer", partial(priority_and_fairness.run_producer, registry)
        ),
        PostStartHook("bootstrap-controller", partial(kubernetes_service.run, options, registry)),
        PostStartHook(
            "start-kubernetes-service-cidr-controller",
            partial(cluster_facts.run_service_cidr, options, registry),
        ),
        PostStartHook("apiservice-registration-controller", partial(api_services.run, registry)),
        PostStartHook(
            "crd-registration", api_services.CustomApiServices(registry, custom_kinds.definitions).run
        ),
        PostStartHook("start-apiextensions-controllers", DefinitionController(registry, custom_kinds).run),
    ]
