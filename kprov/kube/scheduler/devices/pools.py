"""Pools of devices that a node can use (GatherPools of k8s.io/dynamic-resource-allocation/structured)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from kprov.kube.machinery.quantity import Quantity
from kprov.kube.scheduler.devices.slices import Device, PoolId, Slice, SliceStore, Topology

#: Whether the node is among those that can use something.
Matcher = Callable[[Topology], bool]


@dataclass(eq=False)
class Pool:
    """`is_incomplete`: the driver is replacing its slices.

    `is_invalid`: the slices contradict each other.
    """

    id: PoolId
    is_incomplete: bool = False
    is_invalid: bool = False
    #: Those that the node can use.
    devices: Sequence[Device] = ()
    #: Those of other nodes: they may use the same counters.
    other_devices: Sequence[Device] = ()
    counter_sets: dict[str, dict[str, Quantity]] = field(default_factory=dict)

    @property
    def is_usable(self) -> bool:
        return not self.is_incomplete and not self.is_invalid


def gather_pools(store: SliceStore, node: str, shared: Iterable[Slice], matches: Matcher) -> list[Pool]:
    """Return the pools in the order in which devices are tried: by ID, those with binding conditions last."""
    by_pool: dict[PoolId, list[Slice]] = {}
    for resource_slice in (*store.list_of_node(node), *shared):
        if resource_slice.counter_set_names or any(
            matches(topology) for topology in resource_slice.list_topologies()
        ):
            _add_slice(by_pool, resource_slice)
    pools = [
        pool
        for id_, slices in sorted(by_pool.items())
        if (pool := _build_pool(store, id_, slices)) is not None
    ]
    return sorted(pools, key=lambda pool: any(device.has_binding_conditions for device in pool.devices))


def _add_slice(by_pool: dict[PoolId, list[Slice]], added: Slice) -> None:
    """Add a slice to its pool, unless the pool has slices of a newer generation."""
    known = by_pool.setdefault(added.pool, [])
    if known and added.generation < known[0].generation:
        return
    if known and added.generation > known[0].generation:
        known.clear()
    known.append(added)


def _build_pool(store: SliceStore, id_: PoolId, slices: list[Slice]) -> Pool | None:
    """Build a pool. Return None if its newer slices are only for other nodes."""
    newest = slices[0]
    others: list[Slice] = []
    if len(slices) != newest.count:
        everything = list(store.list_of_pool(id_))
        if any(resource_slice.generation > newest.generation for resource_slice in everything):
            return None
        current = [
            resource_slice for resource_slice in everything if resource_slice.generation == newest.generation
        ]
        if len(current) != newest.count:
            return Pool(id_, is_incomplete=True)
        others = [resource_slice for resource_slice in current if resource_slice not in slices]
    slices.sort(key=lambda resource_slice: resource_slice.name)
    devices = [device for resource_slice in slices for device in resource_slice.devices]
    other_devices = [device for resource_slice in others for device in resource_slice.devices]
    names = [device.id.device for device in devices]
    counter_names = [name for resource_slice in slices for name in resource_slice.counter_set_names]
    counter_sets = {
        name: counters for resource_slice in slices for name, counters in resource_slice.counter_sets.items()
    }
    if (
        len(set(names)) != len(names)
        or len(counter_sets) != len(counter_names)
        or not all(_has_counters(device, counter_sets) for device in (*devices, *other_devices))
    ):
        return Pool(id_, is_invalid=True)
    return Pool(id_, devices=devices, other_devices=other_devices, counter_sets=counter_sets)


def _has_counters(device: Device, counter_sets: dict[str, dict[str, Quantity]]) -> bool:
    """Whether all counters exist that the device uses."""
    return all(
        use.counters.keys() <= counter_sets.get(use.counter_set, {}).keys() for use in device.counter_uses
    )
