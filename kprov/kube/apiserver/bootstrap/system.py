"""The system namespaces and priority classes.

Source: upstream pkg/controlplane/controller/systemnamespaces and pkg/registry/scheduling/rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)


NAMESPACES: Final = ("kube-system", "kube-public", "default", "kube-node-lease")
_PRIORITY_CLASSES: Final = {
    "system-node-critical": (
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    "system-cluster-critical": (
        2_000_000_000,
        (
            "Used for system critical pods that must run in the cluster, "
            "but can be moved to another node if necessary."
        ),
    ),
}
_LOOK_AGAIN_SECONDS: Final = 60.0


async def run_namespaces(registry: Registry, done: Callable[[], None]) -> None:
    """Create missing namespaces: the post-start hook start-system-namespaces-controller."""
    while True:
        for name in NAMESPACES:
            await ensure_namespace(registry, name)
        done()
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def create_priority_classes(registry: Registry, done: Callable[[], None]) -> None:
    """Create them: the post-start hook scheduling/bootstrap-system-priority-classes."""
    for name, (value, description) in _PRIORITY_CLASSES.items():
        wanted = {"metadata": {"name": name}, "value": value, "description": description}
        await ensure(registry, "scheduling.k8s.io", "priorityclasses", "", wanted)
    done()


async def ensure_namespace(registry: Registry, name: str) -> None:
    """Create the namespace if it is missing."""
    if registry.store("", "namespaces").lister.get("", name) is None:
        await ensure(registry, "", "namespaces", "", {"metadata": {"name": name}})


async def ensure(registry: Registry, group: str, plural: str, namespace: str, wanted: JsonObject) -> None:
    """Create the object unless it exists."""
    store = registry.store(group, plural)
    name = wanted["metadata"]["name"]
    try:
        await store.create(make_system_context("create", store.resource, namespace, name), namespace, wanted)
    except StatusError as error:
        if error.reason != "AlreadyExists":
            raise
