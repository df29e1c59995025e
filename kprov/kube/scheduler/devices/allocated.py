"""Devices that claims have, and the newest state of claims (upstream's dra_manager.go)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.machinery.quantity import ZERO, Quantity
from kprov.kube.scheduler.devices.slices import DeviceId


@dataclass(slots=True)
class AllocatedState:
    """`devices`: allocated devices. `capacity`: allocated capacity of devices that claims share."""

    devices: Counter[DeviceId] = field(default_factory=Counter)
    capacity: dict[DeviceId, dict[str, Quantity]] = field(default_factory=dict)
    #: How many claims share a device.
    shares: Counter[DeviceId] = field(default_factory=Counter)

    def add(self, allocation: JsonMapping) -> None:
        for id_, result in _list_results(allocation):
            if result.get("shareID") is None:
                self.devices[id_] += 1
                continue
            self.shares[id_] += 1
            used = self.capacity.setdefault(id_, {})
            for name, value in (result.get("consumedCapacity") or {}).items():
                used[name] = used.get(name, ZERO) + Quantity.parse(value)

    def remove(self, allocation: JsonMapping) -> None:
        for id_, result in _list_results(allocation):
            if result.get("shareID") is None:
                self.devices[id_] -= 1
                if not self.devices[id_]:
                    del self.devices[id_]
                continue
            self.shares[id_] -= 1
            used = self.capacity[id_]
            for name, value in (result.get("consumedCapacity") or {}).items():
                used[name] -= Quantity.parse(value)
            if not self.shares[id_]:
                del self.shares[id_], self.capacity[id_]


class ClaimStore:
    """Claims as the API server has them, as far as it is known here.

    `allocated` has the devices of all claims, also of those whose devices are decided but not written yet.
    """

    def __init__(self, get_cached: Callable[[str, str], JsonObject | None]) -> None:
        self.allocated = AllocatedState()
        self._get_cached = get_cached
        #: The allocation that counts for each claim, by UID.
        self._allocations: dict[str, JsonMapping] = {}
        self._pending: dict[str, JsonMapping] = {}
        #: Claims that we have written and whose event is not here yet, by UID.
        self._written: dict[str, JsonObject] = {}

    def get(self, namespace: str, name: str) -> JsonObject | None:
        """Return the newest known state of a claim."""
        cached = self._get_cached(namespace, name)
        if cached is None:
            return None
        written = self._written.get(cached["metadata"]["uid"])
        return cached if written is None else written

    def is_pending(self, uid: str) -> bool:
        """Whether devices are decided for the claim, but not written yet."""
        return uid in self._pending

    def reserve(self, uid: str, allocation: JsonMapping) -> None:
        """Record which devices the claim will get."""
        self._pending[uid] = allocation
        self._set_allocation(uid, allocation)

    def release(self, uid: str) -> None:
        """Forget the devices that the claim would get. Claims without a decision are ignored."""
        if self._pending.pop(uid, None) is not None:
            self._set_allocation(uid, None)

    def mark_written(self, claim: JsonObject) -> None:
        """Record that the decision is in the API server, which answered with this claim."""
        uid = claim["metadata"]["uid"]
        self._pending.pop(uid, None)
        self._written[uid] = claim
        self._set_allocation(uid, _get_allocation(claim))

    def handle_claim(self, claim: JsonObject) -> None:
        """Handle a new or changed claim of the informer."""
        uid = claim["metadata"]["uid"]
        written = self._written.get(uid)
        if written is not None:
            if _get_version(claim) < _get_version(written):
                return
            del self._written[uid]
        if uid not in self._pending:
            self._set_allocation(uid, _get_allocation(claim))

    def handle_deletion(self, claim: JsonObject) -> None:
        uid = claim["metadata"]["uid"]
        self._written.pop(uid, None)
        self._pending.pop(uid, None)
        self._set_allocation(uid, None)

    def _set_allocation(self, uid: str, allocation: JsonMapping | None) -> None:
        before = self._allocations.pop(uid, None)
        if before is not None:
            self.allocated.remove(before)
        if allocation:
            self._allocations[uid] = allocation
            self.allocated.add(allocation)


def _list_results(allocation: JsonMapping) -> Iterator[tuple[DeviceId, JsonMapping]]:
    """Return the results that allocate devices.

    Those with admin access do not: others can get the device, too.
    """
    for result in (allocation.get("devices") or {}).get("results") or ():
        if not result.get("adminAccess"):
            yield DeviceId(result["driver"], result["pool"], result["device"]), result


def _get_allocation(claim: JsonObject) -> JsonMapping | None:
    allocation: JsonMapping | None = (claim.get("status") or {}).get("allocation")
    return allocation


def _get_version(claim: JsonObject) -> int:
    return int(claim["metadata"]["resourceVersion"])
