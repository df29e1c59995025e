"""Keeps the status of resource quotas: spec.hard as it counts now, and what is in use.

Admission charges before an object is there; this recounts from what is there, so what was charged for
nothing or has gone is given back. Source: upstream pkg/controller/resourcequota.
"""

from __future__ import annotations

import asyncio
from typing import Final

from kprov.kube.client import ApiError
from kprov.kube.component_helpers.pod_resources import Amounts, parse_amounts
from kprov.kube.component_helpers.quota.usage import calculate_usage
from kprov.kube.controller_manager.framework.controller import Context, Controller, run_periodically
from kprov.kube.controller_manager.resource_quota.monitors import Monitors
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import ZERO

#: Within this time an object that admission has charged is stored and in the informer.
_SETTLE_SECONDS: Final = 0.3
_SETTLE_TRIES: Final = 10
#: Before the names of kinds that are only counted.
_COUNT: Final = "count/"


class ResourceQuotaController(Controller):
    """Keys are quotas."""

    name = "resource_quota"
    queue_name = "resourcequota_primary"
    concurrency = "concurrent_resource_quota_syncs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._quotas = context.informers.informer("", "v1", "resourcequotas")
        self._quotas.add_handler(
            on_add=self._handle_add, on_update=self._handle_update, on_delete=self._forget
        )
        self._monitors = Monitors(
            context.informers,
            self._handle_change,
            self._quotas,
            is_uncharged=self._is_uncharged,
            kinds_changed=self._handle_new_kinds,
        )
        #: The newest resource version, by namespace, at which limits appeared in the status of a quota.
        self._limits_versions: dict[str, int] = {}
        #: Quotas that a recount would lower: their version, and how often the recount was postponed.
        self._lowering: dict[str, tuple[str, int]] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super().run())
            group.create_task(
                run_periodically(self.context.options.resource_quota_sync_period, self._resync, self.name)
            )

    async def sync(self, key: str) -> None:
        namespace, _, name = key.partition("/")
        quota = self._quotas.get(namespace, name)
        if quota is None or quota["metadata"].get("deletionTimestamp"):
            return
        hard = (quota.get("spec") or {}).get("hard") or {}
        status = quota.get("status") or {}
        evaluators = await self._monitors.list_measuring(hard)
        before = parse_amounts(status.get("used"))
        used = before | calculate_usage(quota, evaluators, self._monitors.count_alike)
        used = {name: amount for name, amount in used.items() if name in hard}
        limits_differ = parse_amounts(hard) != parse_amounts(status.get("hard"))
        if not limits_differ and "used" in status and used == before:
            self._lowering.pop(key, None)
            return
        if not limits_differ and _is_lower(used, before) and not self._has_settled(key, quota):
            self.queue.add_after(key, _SETTLE_SECONDS)
            return
        self._lowering.pop(key, None)
        changed = quota | {
            "status": {"hard": hard, "used": {name: str(amount) for name, amount in used.items()}}
        }
        try:
            await self.resource_of(self._quotas).update(changed, subresource="status", namespace=namespace)
        except ApiError as error:
            if not error.is_not_found:
                raise

    def _has_settled(self, key: str, quota: JsonObject) -> bool:
        """Whether nothing was charged for a while, so that all that was charged is in the count.

        A quota that is charged all the time is lowered in the end as well.
        """
        version = quota["metadata"]["resourceVersion"]
        known, tries = self._lowering.get(key, ("", 0))
        if known == version or tries >= _SETTLE_TRIES:
            return True
        self._lowering[key] = (version, tries + 1)
        return False

    async def _resync(self) -> None:
        for quota in self._quotas.list():
            self.queue.add(_key(quota))

    def _handle_add(self, quota: JsonObject) -> None:
        self.queue.add(_key(quota))

    def _handle_update(self, old: JsonObject, new: JsonObject) -> None:
        """Ignore changes of the usage: this controller and admission write it."""
        if _get_hard(old) != _get_hard(new):
            self.queue.add(_key(new))
        if _get_charged(old) != _get_charged(new):
            # Admission charges from now on. What it did not charge may have arrived since the count.
            metadata = new["metadata"]
            self._limits_versions[metadata["namespace"]] = int(metadata["resourceVersion"])
            self.queue.add(_key(new))

    def _is_uncharged(self, namespace: str, version: int) -> bool:
        """Whether an object may be older than the limits in the status of a quota."""
        return version < self._limits_versions.get(namespace, 0)

    def _forget(self, quota: JsonObject) -> None:
        self._lowering.pop(_key(quota), None)
        namespace = quota["metadata"]["namespace"]
        if not self._quotas.list(namespace):
            self._limits_versions.pop(namespace, None)

    def _handle_new_kinds(self) -> None:
        """Recount the quotas that may name custom resources."""
        for quota in self._quotas.list():
            if any(name.startswith(_COUNT) for name in _get_hard(quota)):
                self.queue.add(_key(quota))

    def _handle_change(self, group: str, plural: str, namespace: str) -> None:
        evaluator = self._monitors.evaluator(group, plural)
        for quota in self._quotas.list(namespace):
            hard = (quota.get("status") or {}).get("hard") or {}
            if evaluator is not None and evaluator.resources(hard):
                self.queue.add(_key(quota))


def _key(quota: JsonObject) -> str:
    return f"{quota['metadata']['namespace']}/{quota['metadata']['name']}"


def _get_hard(quota: JsonObject) -> Amounts:
    return parse_amounts((quota.get("spec") or {}).get("hard"))


def _get_charged(quota: JsonObject) -> frozenset[str]:
    """Return the names of the resources that admission charges."""
    return frozenset((quota.get("status") or {}).get("hard") or ())


def _is_lower(used: Amounts, before: Amounts) -> bool:
    return any(used.get(name, ZERO) < amount for name, amount in before.items())
