"""ResourceQuota: adds the usage of an object to the quotas of its namespace before the object is stored.

The status of a quota is written with optimistic locking, so several API servers together never exceed it.
Waiting requests of one namespace are charged together with one write.
Source: upstream staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from kprov.kube.apiserver.admission.configuration import (
    ConfigurationError,
    WantsConfiguration,
    check_configuration,
)
from kprov.kube.apiserver.admission.plugin import Attributes
from kprov.kube.apiserver.admission.quota_charge import TrackedQuota, charge
from kprov.kube.apiserver.interfaces.objects import ObjectStores, ObjectWriter
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.component_helpers.pod_resources import Amounts
from kprov.kube.component_helpers.quota.evaluator import Evaluator, Objects
from kprov.kube.component_helpers.quota.registry import Evaluators
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.machinery.status import StatusError

_KINDS: Final = {
    "apiserver.config.k8s.io/v1": "ResourceQuotaConfiguration",
    "resourcequota.admission.k8s.io/v1beta1": "Configuration",
    "resourcequota.admission.k8s.io/v1alpha1": "Configuration",
}
_SHAPE: Final = {
    "limitedResources": [
        {
            "apiGroup": str,
            "resource": str,
            "matchContains": [str],
            "matchScopes": [{"scopeName": str, "operator": str, "values": [str]}],
        }
    ]
}
_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.02


@dataclass(slots=True, eq=False)
class _Waiter:
    attributes: Attributes
    evaluator: Evaluator
    done: bool = False
    error: StatusError | None = None

    def end(self, error: StatusError | None = None) -> None:
        self.done, self.error = True, error


@dataclass(slots=True)
class _Queue:
    """The waiting requests of one namespace. The holder of the lock charges all of them."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[_Waiter] = field(default_factory=list)
    users: int = 0


class ResourceQuota(WantsConfiguration):
    name = "ResourceQuota"

    def __init__(self, quotas: ObjectWriter, list_objects: Objects) -> None:
        self._quotas = quotas
        self._evaluators = Evaluators(list_objects)
        self._known: dict[str, dict[str, JsonObject]] = {}
        self._queues: dict[str, _Queue] = {}
        self._limited: Sequence[JsonMapping] = ()
        self._quotas.lister.on_change(self._handle_change)

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        def list_objects(group: str, plural: str, namespace: str) -> list[JsonObject]:
            return stores.store(group, plural).lister.list(namespace)

        return cls(stores.store("", "resourcequotas"), list_objects)

    def configure(self, source: JsonMapping) -> None:
        """Read limitedResources of a ResourceQuotaConfiguration."""
        check_configuration(source, self.name, _KINDS, _SHAPE)
        limited = source.get("limitedResources") or ()
        for index, entry in enumerate(limited):
            if not entry.get("resource"):
                where = f"configuration of {self.name}: limitedResources[{index}].resource"
                raise ConfigurationError(f"{where}: Required value")
        self._limited = limited

    async def validate(self, attributes: Attributes) -> None:
        namespace, resource = attributes.namespace, attributes.resource
        if not namespace or attributes.obj is None or not (namespace in self._known or self._limited):
            return
        evaluator = self._evaluators.of(resource.group, resource.plural)
        if evaluator is None or not evaluator.handles(
            attributes.operation, attributes.subresource, attributes.obj, attributes.old
        ):
            return
        waiter = _Waiter(attributes, evaluator)
        queue = self._queues.setdefault(namespace, _Queue())
        queue.waiting.append(waiter)
        queue.users += 1
        try:
            async with asyncio.timeout(_SECONDS), queue.lock:
                if not waiter.done:
                    await self._decide_all(namespace, queue.waiting)
        except TimeoutError:
            raise status.internal_error("resource quota evaluation timed out") from None
        finally:
            queue.users -= 1
            if waiter in queue.waiting:
                queue.waiting.remove(waiter)
            if not queue.users:
                del self._queues[namespace]
        if waiter.error is not None:
            raise waiter.error

    async def _decide_all(self, namespace: str, waiting: list[_Waiter]) -> None:
        """Decide on all requests that wait now."""
        batch = waiting[:]
        waiting.clear()
        try:
            await self._decide(namespace, batch)
        finally:
            # Only after a cancellation: another waiter continues with the rest.
            waiting += [waiter for waiter in batch if not waiter.done]

    async def _decide(self, namespace: str, batch: Sequence[_Waiter]) -> None:
        only: set[str] | None = None
        is_fresh = False
        while True:
            quotas = self._list_quotas(namespace, only)
            denied, charged = self._charge_batch(quotas, batch)
            if denied and not is_fresh:
                # The cached quota may be behind: check again with a fresh cache.
                await self._quotas.catch_up()
                is_fresh = True
                continue
            for waiter, error in denied.items():
                waiter.end(error)
            lost = {quota.name for quota in charged if not await self._write(namespace, quota)}
            if not lost:
                for waiter in batch:
                    if not waiter.done:
                        waiter.end()
                return
            # Another server changed these first. The others are charged already.
            only = lost
            await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS))  # noqa: S311  only spreads retries
            await self._quotas.catch_up()
            is_fresh = True

    def _charge_batch(
        self, quotas: Sequence[TrackedQuota], batch: Sequence[_Waiter]
    ) -> tuple[dict[_Waiter, StatusError], list[TrackedQuota]]:
        """Return the rejected requests, and the quotas to write."""
        denied: dict[_Waiter, StatusError] = {}
        changed: set[str] = set()
        by_name = {quota.name: quota for quota in quotas}
        for waiter in batch:
            if waiter.done:
                continue
            try:
                used = charge(quotas, waiter.attributes, waiter.evaluator, self._limited)
            except StatusError as error:
                denied[waiter] = error
                continue
            if waiter.attributes.context.dry_run:
                continue
            for name, amounts in used.items():
                if amounts != by_name[name].used:
                    by_name[name].used = amounts
                    changed.add(name)
        return denied, [by_name[name] for name in sorted(changed)]

    def _list_quotas(self, namespace: str, only: set[str] | None) -> list[TrackedQuota]:
        quotas = self._known.get(namespace, {})
        return [
            TrackedQuota.from_quota(quota) for name, quota in quotas.items() if only is None or name in only
        ]

    async def _write(self, namespace: str, tracked: TrackedQuota) -> bool:
        """Write the usage; False if the quota changed. A deleted quota has no limits."""
        name = tracked.name
        context = make_system_context("update", self._quotas.resource, namespace, name)
        wanted = _format_used(tracked.used)
        version = tracked.quota["metadata"]["resourceVersion"]

        def change(current: JsonObject | None) -> JsonObject:
            assert current is not None
            current["metadata"]["resourceVersion"] = version
            current["status"] = (current.get("status") or {}) | {"used": wanted}
            return current

        try:
            written, _ = await self._quotas.update(
                context, namespace, name, change, subresource="status", admit=False
            )
        except StatusError as error:
            if error.reason == "NotFound":
                return True
            if error.reason != "Conflict":
                raise
            return False
        if name in self._known.get(namespace, {}):
            self._keep_newest(written)
        return True

    def _handle_change(self, kind: str, obj: JsonObject) -> None:
        if kind != "DELETED":
            self._keep_newest(obj)
            return
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        quotas = self._known.get(namespace, {})
        quotas.pop(name, None)
        if not quotas:
            self._known.pop(namespace, None)

    def _keep_newest(self, obj: JsonObject) -> None:
        """Keep the newer of the cached quota and the one that was written here."""
        metadata = obj["metadata"]
        quotas = self._known.setdefault(metadata["namespace"], {})
        known = quotas.get(metadata["name"])
        if known is None or _read_version(known) <= _read_version(obj):
            quotas[metadata["name"]] = obj


def _read_version(obj: JsonObject) -> int:
    return int(obj["metadata"]["resourceVersion"])


def _format_used(used: Amounts) -> dict[str, str]:
    return {name: str(amount) for name, amount in used.items()}
