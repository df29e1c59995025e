"""APIService objects of the group versions that this server serves.

Source: upstream pkg/controlplane/apiserver (apiServicePriorities), kube-aggregator's autoregister controller.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from kprov.kube.apiserver.bootstrap.system import ensure
from kprov.kube.apiserver.registry.apiextensions import definition_state
from kprov.kube.apiserver.registry.apiextensions.definitions import Definitions
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import group_versions
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)

_GROUP, _PLURAL = "apiregistration.k8s.io", "apiservices"
_LABEL: Final = "kube-aggregator.kubernetes.io/automanaged"
#: By (group, version): (groupPriorityMinimum, versionPriority).
PRIORITIES: Final = {
    ("", "v1"): (18000, 1),
    ("apps", "v1"): (17800, 15),
    ("events.k8s.io", "v1"): (17750, 15),
    ("authentication.k8s.io", "v1"): (17700, 15),
    ("authorization.k8s.io", "v1"): (17600, 15),
    ("autoscaling", "v1"): (17500, 15),
    ("autoscaling", "v2"): (17500, 30),
    ("batch", "v1"): (17400, 15),
    ("certificates.k8s.io", "v1"): (17300, 15),
    ("networking.k8s.io", "v1"): (17200, 15),
    ("policy", "v1"): (17100, 15),
    ("rbac.authorization.k8s.io", "v1"): (17000, 15),
    ("storage.k8s.io", "v1"): (16800, 15),
    ("apiextensions.k8s.io", "v1"): (16700, 15),
    ("admissionregistration.k8s.io", "v1"): (16700, 15),
    ("scheduling.k8s.io", "v1"): (16600, 15),
    ("coordination.k8s.io", "v1"): (16500, 15),
    ("node.k8s.io", "v1"): (16300, 15),
    ("discovery.k8s.io", "v1"): (16200, 15),
    ("resource.k8s.io", "v1"): (16200, 21),
    ("flowcontrol.apiserver.k8s.io", "v1"): (16100, 21),
}
#: Of the groups of definitions.
_CUSTOM_PRIORITY: Final = (1000, 100)
#: The value of the label for APIServices that are deleted with their definition.
_BY_DEFINITION: Final = "true"
_LOOK_AGAIN_SECONDS: Final = 60.0


async def run(registry: Registry, done: Callable[[], None]) -> None:
    """Create missing APIServices: the post-start hook apiservice-registration-controller."""
    while True:
        for group, version in group_versions():
            if (group, version) in PRIORITIES:
                await _ensure(registry, group, version)
        done()
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


class CustomApiServices:
    """Creates and deletes the APIServices of definitions: the post-start hook crd-registration.

    Source: kube-aggregator's crdregistration controller.
    """

    def __init__(self, registry: Registry, definitions: Definitions) -> None:
        self._registry = registry
        self._definitions = definitions
        self._wake = asyncio.Event()
        #: The definitions that changed, by name.
        self._changed: dict[str, None] = {}
        #: Group and version of the APIServices to look at.
        self._queue: dict[tuple[str, str], None] = {}
        #: The group versions of each definition.
        self._by_name: dict[str, frozenset[tuple[str, str]]] = {}
        self._uses: Counter[tuple[str, str]] = Counter()

    async def run(self, done: Callable[[], None]) -> None:
        """Work until cancelled."""
        self._definitions.on_change(self._notice)
        self._registry.store(_GROUP, _PLURAL).lister.on_change(self._notice_service)
        while True:
            self._wake.clear()
            await self._work()
            done()
            await self._wake.wait()

    def _notice(self, name: str) -> None:
        self._changed[name] = None
        self._wake.set()

    def _notice_service(self, type_: str, service: JsonObject) -> None:
        """Look at services that were found at the start, and at those that somebody deletes."""
        is_ours = (service["metadata"].get("labels") or {}).get(_LABEL) == _BY_DEFINITION
        if is_ours and type_ != "MODIFIED":
            self._queue[service["spec"].get("group", ""), service["spec"]["version"]] = None
            self._wake.set()

    async def _work(self) -> None:
        """Do all that is to be done, definitions first: their services exist then, or are deleted."""
        while self._changed or self._queue:
            await asyncio.sleep(0)
            if self._changed:
                name = next(iter(self._changed))
                del self._changed[name]
                self._follow(name)
                continue
            group_version = next(iter(self._queue))
            del self._queue[group_version]
            try:
                await self._sync(*group_version)
            except StatusError as error:
                log.warning("cannot write the APIServices of definitions, trying again: %s", error)
                self._queue[group_version] = None
                await asyncio.sleep(1)

    def _follow(self, name: str) -> None:
        """Enqueue the group versions that a definition has got or lost."""
        before = self._by_name.pop(name, frozenset())
        definition = self._definitions.get(name)
        now = frozenset() if definition is None else frozenset(_list_group_versions(definition.summary))
        if now:
            self._by_name[name] = now
        self._uses.update(now - before)
        self._uses.subtract(before - now)
        self._queue.update(dict.fromkeys(before ^ now))

    async def _sync(self, group: str, version: str) -> None:
        if self._uses[group, version] > 0:
            if (group, version) not in PRIORITIES:
                await _ensure(self._registry, group, version)
            return
        del self._uses[group, version]
        held = self._registry.store(_GROUP, _PLURAL).lister.get_shared("", f"{version}.{group}")
        if held is not None and (held["metadata"].get("labels") or {}).get(_LABEL) == _BY_DEFINITION:
            await _delete(self._registry, f"{version}.{group}")


def _list_group_versions(definition: JsonObject) -> Iterator[tuple[str, str]]:
    """Yield the group versions that a definition serves."""
    if definition_state.is_true(definition, definition_state.ESTABLISHED):
        for version in definition["spec"]["versions"]:
            if version["served"]:
                yield definition["spec"]["group"], version["name"]


async def _delete(registry: Registry, name: str) -> None:
    store = registry.store(_GROUP, _PLURAL)
    try:
        await store.delete(make_system_context("delete", store.resource, "", name), "", name)
    except StatusError as error:
        if error.reason != "NotFound":
            raise


async def _ensure(registry: Registry, group: str, version: str) -> None:
    store, name = registry.store(_GROUP, _PLURAL), f"{version}.{group}"
    held = store.lister.get("", name)
    if held is None:
        await ensure(registry, _GROUP, _PLURAL, "", _build_api_service(group, version))
    if held is None or not (held.get("status") or {}).get("conditions"):
        await _set_available(registry, name)


def _build_api_service(group: str, version: str) -> JsonObject:
    minimum, priority = PRIORITIES.get((group, version), _CUSTOM_PRIORITY)
    label = "onstart" if (group, version) in PRIORITIES else _BY_DEFINITION
    spec: JsonObject = {"version": version, "groupPriorityMinimum": minimum, "versionPriority": priority}
    if group:
        spec["group"] = group
    return {"metadata": {"name": f"{version}.{group}", "labels": {_LABEL: label}}, "spec": spec}


async def _set_available(registry: Registry, name: str) -> None:
    """Set the condition Available: the APIs of this server are available while it runs."""
    store = registry.store(_GROUP, _PLURAL)
    condition = {
        "type": "Available",
        "status": "True",
        "lastTransitionTime": timestamps.now(),
        "reason": "Local",
        "message": "Local APIServices are always available",
    }

    def change(old: JsonObject | None) -> JsonObject:
        held = dict(old or {})
        if not (held.get("status") or {}).get("conditions"):
            held["status"] = {"conditions": [condition]}
        return held

    context = make_system_context("update", store.resource, "", name)
    try:
        await store.update(context, "", name, change, subresource="status")
    except StatusError as error:
        if error.reason not in {"NotFound", "Conflict"}:
            raise
