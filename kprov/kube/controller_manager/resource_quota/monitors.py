"""Watches of those kinds, and only those, that some quota measures.

Source: upstream pkg/controller/resourcequota/resource_quota_monitor.go; upstream watches every kind there is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

import msgspec

from kprov.kube.api.meta import ObjectMeta, View
from kprov.kube.client import Informer, RestClient
from kprov.kube.client.discovery import ApiResource, discover
from kprov.kube.component_helpers.quota import claims, pods
from kprov.kube.component_helpers.quota.evaluator import Evaluator
from kprov.kube.component_helpers.quota.registry import Evaluators
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

DISCOVERY_SECONDS: Final = 30.0
_SYNC_SECONDS: Final = 30.0
_WANTED_VERBS: Final = frozenset({"create", "list", "watch", "delete"})
#: Measured by more than their number, so that whole objects are needed.
_WHOLE: Final = frozenset({
    ("", "pods"),
    ("", "services"),
    ("", "persistentvolumeclaims"),
    ("resource.k8s.io", "resourceclaims"),
    ("resource.k8s.io", "deviceclasses"),
})  # fmt: skip


class Counted(View):
    """An object that is only counted."""

    metadata_only: ClassVar[bool] = True

    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)


class Monitors:
    """`changed(group, plural, namespace)` is called when a recount may give another result.

    quotas: the informer of the quotas to recount. It also counts resourcequotas: a new quota counts itself.
    """

    def __init__(
        self, client: RestClient, changed: Callable[[str, str, str], None], quotas: Informer[JsonObject]
    ) -> None:
        self._client = client
        self._changed = changed
        self._evaluators = Evaluators(self.objects)
        self._kinds: dict[tuple[str, str], ApiResource] = {}
        self._discovered = 0.0
        self._informers: dict[tuple[str, str], Informer[Any]] = {("", "resourcequotas"): quotas}
        quotas.add_handler(on_delete=lambda obj: changed("", "resourcequotas", _namespace(obj)))
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Run the watches until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None

    async def list_measuring(self, names: Iterable[str]) -> list[Evaluator]:
        """Evaluators of the kinds that use one of the names, their objects being known.

        Raises ClientError; TimeoutError when the objects cannot be listed in time.
        """
        names = set(names)
        if any("/" in name and name.startswith("requests.") for name in names):
            await self._watch("resource.k8s.io", "deviceclasses")
        found = self._find_evaluators(names)
        if len({name for each in found for name in each.resources(names)}) < len(names):
            # No evaluator knows the name: it may be of a new kind.
            await self._discover()
            found = self._find_evaluators(names)
        for each in found:
            await self._watch(each.group, each.plural)
        return found

    def objects(self, group: str, plural: str, namespace: str) -> list[Any]:
        """The objects of a kind."""
        informer = self._informers.get((group, plural))
        return [] if informer is None else informer.list(namespace or None)

    def evaluator(self, group: str, plural: str) -> Evaluator | None:
        return self._evaluators.of(group, plural)

    def _find_evaluators(self, names: set[str]) -> list[Evaluator]:
        found = (self._evaluators.of(*key) for key in self._kinds)
        return [each for each in found if each is not None and each.resources(names)]

    async def _discover(self) -> None:
        if self._kinds and time.monotonic() - self._discovered < DISCOVERY_SECONDS:
            return
        answer = await discover(self._client)
        self._discovered = time.monotonic()
        self._kinds = {
            (each.group, each.plural): each
            for each in answer.resources
            if each.verbs >= _WANTED_VERBS
            and (each.namespaced or (each.group, each.plural) == ("resource.k8s.io", "deviceclasses"))
        }

    async def _watch(self, group: str, plural: str) -> None:
        if not self._kinds:
            await self._discover()
        kind, tasks = self._kinds.get((group, plural)), self._group
        if kind is None or tasks is None:
            return
        informer = self._informers.get((group, plural))
        if informer is None:
            view: Any = dict if (group, plural) in _WHOLE else Counted
            informer = Informer(self._client.resource(group, kind.version, plural, view))
            informer.add_handler(
                on_update=lambda old, new: self._handle_update(group, plural, old, new),
                on_delete=lambda obj: self._changed(group, plural, _namespace(obj)),
            )
            self._informers[group, plural] = informer
            tasks.create_task(informer.run())
        async with asyncio.timeout(_SYNC_SECONDS):
            await informer.wait_for_sync()

    def _handle_update(self, group: str, plural: str, old: Any, new: Any) -> None:
        if frees((group, plural), old, new):
            self._changed(group, plural, _namespace(new))


def frees(kind: tuple[str, str], old: Any, new: Any) -> bool:
    """Whether an update changes what an object is charged with, without admission having charged it."""
    match kind:
        case ("", "pods"):
            return (
                _list_resources(old) != _list_resources(new)
                or pods.is_terminating(old) != pods.is_terminating(new)
                or (pods.is_alive(old) and not pods.is_alive(new))
            )
        case ("", "services"):
            return bool(_charged_type(old) != _charged_type(new))
        case ("", "persistentvolumeclaims"):
            return claims.needs_recount(new, old)
    return False


def _list_resources(pod: JsonObject) -> dict[str, Any]:
    status = pod.get("status") or {}
    found = {"": status.get("resources")}
    for kind in ("containerStatuses", "initContainerStatuses"):
        found |= {each["name"]: each.get("resources") for each in status.get(kind) or ()}
    return {name: value for name, value in found.items() if value is not None}


def _charged_type(service: JsonObject) -> str:
    kind = str((service.get("spec") or {}).get("type", ""))
    return kind if kind in {"NodePort", "LoadBalancer"} else ""


def _namespace(obj: Any) -> str:
    if isinstance(obj, dict):
        return str(obj["metadata"].get("namespace", ""))
    return str(obj.metadata.namespace)
