"""Watches of those kinds, and only those, that some quota measures.

Source: upstream pkg/controller/resourcequota/resource_quota_monitor.go; upstream watches every kind there is.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from kprov.kube.api.core import Pod, Service
from kprov.kube.api.core.containers import ResourceRequirements
from kprov.kube.client import Informer, InformerFactory
from kprov.kube.client.discovery import ApiResource, Discovery
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.component_helpers.quota import claims, pods
from kprov.kube.component_helpers.quota.evaluator import Evaluator
from kprov.kube.component_helpers.quota.registry import Evaluators
from kprov.kube.controller_manager.framework.metadata_view import Owned
from kprov.kube.controller_manager.resource_quota.alike import AlikeObjects, measure_pod, measure_service
from kprov.kube.machinery.json_object import JsonMapping, JsonObject

log = logging.getLogger(__name__)

DISCOVERY_SECONDS: Final = 30.0
_SYNC_SECONDS: Final = 30.0
#: Their changes change the kinds that the server has.
_DEFINITIONS: Final = ("apiextensions.k8s.io", "customresourcedefinitions")
_WANTED_VERBS: Final = frozenset({"create", "list", "watch", "delete"})
#: Measured by more than their number. These views, which other controllers use too, have what is measured.
_VIEWS: Final[dict[tuple[str, str], Any]] = {("", "pods"): Pod, ("", "services"): Service}
_MEASURES: Final[dict[tuple[str, str], Callable[[Any], Any]]] = {
    ("", "pods"): measure_pod,
    ("", "services"): measure_service,
}
#: The same, but measured by fields that views lack.
_WHOLE: Final = frozenset({
    ("", "persistentvolumeclaims"),
    ("resource.k8s.io", "resourceclaims"),
    ("resource.k8s.io", "deviceclasses"),
})  # fmt: skip


class Monitors:
    """`changed(group, plural, namespace)` is called when a recount may give another result.

    quotas: the informer of the quotas to recount. It also counts resourcequotas: a new quota counts itself.
    is_uncharged(namespace, resource version): whether a new object may be one that admission did not charge.
    kinds_changed: called when the server may have other kinds.
    """

    def __init__(
        self,
        informers: InformerFactory,
        changed: Callable[[str, str, str], None],
        quotas: Informer[JsonObject],
        *,
        is_uncharged: Callable[[str, int], bool],
        kinds_changed: Callable[[], None],
    ) -> None:
        self._shared = informers
        self._discovery = Discovery(informers.client)
        self._kinds_changed = kinds_changed
        self._definitions: Informer[Any] | None = None
        self._changed = changed
        self._is_uncharged = is_uncharged
        self._evaluators = Evaluators(self.objects)
        self._kinds: dict[tuple[str, str], ApiResource] = {}
        self._discovered = -math.inf
        self._informers: dict[tuple[str, str], Informer[Any]] = {("", "resourcequotas"): quotas}
        self._alike: dict[tuple[str, str], AlikeObjects] = {}
        quotas.add_handler(on_delete=lambda obj: changed("", "resourcequotas", _namespace(obj)))

    async def list_measuring(self, names: Iterable[str]) -> list[Evaluator]:
        """Return evaluators of the kinds that use one of the names, their objects being known.

        Raises ClientError; TimeoutError when the objects cannot be listed in time.
        """
        names = set(names)
        if any("/" in name and name.startswith("requests.") for name in names):
            await self._watch("resource.k8s.io", "deviceclasses")
        evaluators = self._find_evaluators(names)
        if len({name for candidate in evaluators for name in candidate.resources(names)}) < len(names):
            # No evaluator knows the name: it may be of a new kind.
            await self._discover()
            evaluators = self._find_evaluators(names)
        for evaluator in evaluators:
            await self._watch(evaluator.group, evaluator.plural)
        return evaluators

    def objects(self, group: str, plural: str, namespace: str) -> list[Any]:
        """Return the objects of a kind, as documents if they are measured by more than their number."""
        informer = self._informers.get((group, plural))
        objects = [] if informer is None else informer.list(namespace or None)
        return [msgspec.to_builtins(obj) for obj in objects] if (group, plural) in _VIEWS else objects

    def count_alike(self, group: str, plural: str, namespace: str) -> Iterable[tuple[JsonMapping, int]]:
        """Documents with what is measured of the objects of a kind, and how many objects have that."""
        key = (group, plural)
        if (alike := self._alike.get(key)) is not None:
            return alike.list(namespace)
        objects = self.objects(group, plural, namespace)
        if key in _WHOLE:
            return [(obj, 1) for obj in objects]
        return [({}, len(objects))]

    def evaluator(self, group: str, plural: str) -> Evaluator | None:
        return self._evaluators.of(group, plural)

    def _find_evaluators(self, names: set[str]) -> list[Evaluator]:
        candidates = (self._evaluators.of(*key) for key in self._kinds)
        return [evaluator for evaluator in candidates if evaluator is not None and evaluator.resources(names)]

    async def _discover(self) -> None:
        if self._kinds and time.monotonic() - self._discovered < DISCOVERY_SECONDS:
            return
        self._discovered = time.monotonic()
        answer = await self._discovery.discover()
        self._kinds = {
            (resource.group, resource.plural): resource
            for resource in answer.resources
            if resource.verbs >= _WANTED_VERBS
            and (
                resource.namespaced
                or (resource.group, resource.plural) == ("resource.k8s.io", "deviceclasses")
            )
        }

        if self._definitions is None and any(
            (resource.group, resource.plural) == _DEFINITIONS for resource in answer.resources
        ):
            group, plural = _DEFINITIONS
            self._definitions = self._shared.informer(group, "v1", plural, Owned)
            self._definitions.add_handler(
                on_add=self._handle_definition,
                on_update=lambda _, new: self._handle_definition(new),
                on_delete=self._handle_definition,
            )

    def _handle_definition(self, _: Any) -> None:
        self._discovered = -math.inf
        self._kinds_changed()

    async def _watch(self, group: str, plural: str) -> None:
        if not self._kinds:
            await self._discover()
        kind = self._kinds.get((group, plural))
        if kind is None:
            return
        informer = self._informers.get((group, plural))
        if informer is None or informer not in self._shared:
            # The other controllers stop informers of kinds that are gone, which may come back.
            informer = self._choose_informer(kind)
            if (group, plural) in _MEASURES:
                # Before the handler that starts a recount.
                self._alike[group, plural] = AlikeObjects(informer, _MEASURES[group, plural])
            informer.add_handler(
                on_add=lambda obj: self._handle_add(group, plural, obj),
                on_update=lambda old, new: self._handle_update(group, plural, old, new),
                on_delete=lambda obj: self._changed(group, plural, _namespace(obj)),
            )
            self._informers[group, plural] = informer
        async with asyncio.timeout(_SYNC_SECONDS):
            await informer.wait_for_sync()

    def _choose_informer(self, kind: ApiResource) -> Informer[Any]:
        """One that other controllers use as well, if it has what is measured."""
        group, plural = kind.group, kind.plural
        if (group, plural) in _WHOLE:
            return self._shared.informer(group, kind.version, plural)
        known = self._shared.whole_informer(group, plural)
        if known is not None:
            return known
        return self._shared.informer(group, kind.version, plural, _VIEWS.get((group, plural), Owned))

    def _handle_add(self, group: str, plural: str, obj: Any) -> None:
        namespace = _namespace(obj)
        if self._is_uncharged(namespace, _version(obj)):
            self._changed(group, plural, namespace)

    def _handle_update(self, group: str, plural: str, old: Any, new: Any) -> None:
        if frees((group, plural), old, new):
            self._changed(group, plural, _namespace(new))


def frees(kind: tuple[str, str], old: Any, new: Any) -> bool:
    """Whether an update changes what an object is charged with, without admission having charged it."""
    match kind:
        case ("", "pods"):
            return _frees_pod(old, new)
        case ("", "services"):
            return _get_charged_type(old) != _get_charged_type(new)
        case ("", "persistentvolumeclaims"):
            return claims.needs_recount(new, old)
    return False


def _frees_pod(old: Pod, new: Pod) -> bool:
    return (
        _list_resources(old) != _list_resources(new)
        or _is_terminating(old) != _is_terminating(new)
        or (_is_ending(new) and _is_alive(old) and not _is_alive(new))
    )


def _list_resources(pod: Pod) -> dict[str, ResourceRequirements | None]:
    status = pod.status
    return {
        container_status.name: container_status.resources
        for container_status in (*status.container_statuses, *status.init_container_statuses)
        if container_status.resources is not None
    } | {"": status.resources}


def _is_terminating(pod: Pod) -> bool:
    return pod.spec.active_deadline_seconds is not None


def _is_ending(pod: Pod) -> bool:
    return pod_conditions.is_terminal(pod) or bool(pod.metadata.deletion_timestamp)


def _is_alive(pod: Pod) -> bool:
    return pods.is_alive(msgspec.to_builtins(pod))


def _get_charged_type(service: Service) -> str:
    kind = service.spec.type
    return kind if kind in {"NodePort", "LoadBalancer"} else ""


def _namespace(obj: Any) -> str:
    if isinstance(obj, dict):
        return str(obj["metadata"].get("namespace", ""))
    return str(obj.metadata.namespace)


def _version(obj: Any) -> int:
    return int(obj["metadata"]["resourceVersion"] if isinstance(obj, dict) else obj.metadata.resource_version)
