"""Counters that the devices of a pool share: a device can be used as long as enough is left for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from kprov.kube.machinery.quantity import ZERO, Quantity
from kprov.kube.scheduler.devices.pools import Pool
from kprov.kube.scheduler.devices.slices import Device, DeviceId, PoolId

_Counter = tuple[str, str]


class AvailableCounters:
    """The counters that allocated devices leave. They are computed once for each pool, for all nodes."""

    def __init__(self, is_allocated: Callable[[DeviceId], bool]) -> None:
        self._is_allocated = is_allocated
        self._pools: dict[PoolId, dict[_Counter, Quantity]] = {}

    def get(self, pool: Pool) -> dict[_Counter, Quantity]:
        known = self._pools.get(pool.id)
        if known is None:
            known = self._pools[pool.id] = self._count(pool)
        return known

    def _count(self, pool: Pool) -> dict[_Counter, Quantity]:
        left = {
            (counter_set, name): value
            for counter_set, counters in pool.counter_sets.items()
            for name, value in counters.items()
        }
        for device in (*pool.devices, *pool.other_devices):
            if device.counter_uses and self._is_allocated(device.id):
                for counter, value in _list_uses(device):
                    left[counter] -= value
        return left


class UsedCounters:
    """The counters that the devices use which the search has chosen so far."""

    def __init__(self, available: AvailableCounters) -> None:
        self._available = available
        self._used: dict[PoolId, dict[_Counter, Quantity]] = defaultdict(lambda: defaultdict(lambda: ZERO))

    def add(self, pool: Pool, device: Device) -> bool:
        """Whether enough is left. If not, nothing is added."""
        left, used = self._available.get(pool), self._used[pool.id]
        for counter, value in _list_uses(device):
            used[counter] += value
        # A counter that other devices overuse blocks the whole pool, as upstream.
        if all(used.get(counter, ZERO) <= value for counter, value in left.items()):
            return True
        self.remove(pool, device)
        return False

    def remove(self, pool: Pool, device: Device) -> None:
        used = self._used[pool.id]
        for counter, value in _list_uses(device):
            used[counter] -= value


def _list_uses(device: Device) -> list[tuple[_Counter, Quantity]]:
    return [
        ((use.counter_set, name), value)
        for use in device.counter_uses
        for name, value in use.counters.items()
    ]
