"""The rules of each kind: defaults, what a client may set, validation. The stores call them.

Kinds move from here to the folder of their group, such as registry/core/pod.
May import: registry.generic, registry.podspec, the groups, interfaces, machinery.
"""

from __future__ import annotations

from argparse import Namespace

from kprov.kube.apiserver.interfaces import Authorizer
from kprov.kube.apiserver.registry.core.service import allocators
from kprov.kube.apiserver.registry.core.service.hooks import ServiceHooks
from kprov.kube.apiserver.registry.generic.hooks import Hooks
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.registry.podspec import capabilities
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.registry.strategies.device_hooks import AdminAccessHooks, ClaimHooks
from kprov.kube.apiserver.registry.table import STRATEGIES
from kprov.kube.machinery.resources import Resource

__all__ = ["for_resource", "hooks_for"]


def for_resource(resource: Resource) -> Strategy:
    """The resource's own rules, or those that all kinds have."""
    return STRATEGIES.get((resource.group, resource.plural), ResourceStrategy)(resource)


def hooks_for(resource: Resource, options: Namespace, registry: Registry, authorizer: Authorizer) -> Hooks:
    """Work around the resource's writes that needs storage."""
    capabilities.setup(allow_privileged=getattr(options, "allow_privileged", True))
    if (resource.group, resource.plural) == ("", "services"):
        return ServiceHooks(*allocators.build(options, registry))
    if (resource.group, resource.plural) == ("resource.k8s.io", "resourceclaims"):
        return ClaimHooks(registry, authorizer)
    if (resource.group, resource.plural) == ("resource.k8s.io", "resourceclaimtemplates"):
        return AdminAccessHooks(registry)
    return Hooks()
