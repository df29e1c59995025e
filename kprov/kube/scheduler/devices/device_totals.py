"""How many devices of a class each node has, and how many of them are allocated: for scores."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np

from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.scheduler.devices.listers import DeviceListers
from kprov.kube.scheduler.devices.node_search import SelectorMasks
from kprov.kube.scheduler.devices.requests import list_expressions
from kprov.kube.scheduler.devices.selectors import SelectorError
from kprov.kube.scheduler.devices.slices import Device, Slice, Topology
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Counts, Mask

log = logging.getLogger(__name__)


def count_devices(
    device_class: JsonMapping, state: ClusterState, listers: DeviceListers
) -> tuple[Counts, Counts]:
    """Return (all, allocated) devices of the class by slot, 0 if a selector of the class fails."""
    total = np.zeros(state.capacity, dtype=np.int64)
    used = np.zeros(state.capacity, dtype=np.int64)
    allocated = listers.claims.allocated
    expressions = list_expressions(device_class["spec"])
    masks = SelectorMasks(state)
    try:
        for resource_slice in listers.slices.list_all():
            for topology, devices in _list_parts(resource_slice):
                matching = [
                    device
                    for device in devices
                    if all(device.matches(expression) for expression in expressions)
                ]
                if matching:
                    slots = _find_slots(topology, state, masks)
                    total[slots] += len(matching)
                    used[slots] += sum(
                        device.id in allocated.devices or device.id in allocated.capacity
                        for device in matching
                    )
    except SelectorError as error:
        log.warning("device class %s: %s", device_class["metadata"]["name"], error)
        return np.zeros_like(total), np.zeros_like(used)
    return total, used


def _list_parts(resource_slice: Slice) -> Iterator[tuple[Topology, Sequence[Device]]]:
    """Group the devices by the nodes that can use them."""
    if not resource_slice.per_device:
        yield resource_slice.topology, resource_slice.devices
        return
    for device in resource_slice.devices:
        if device.topology is not None:
            yield device.topology, (device,)


def _find_slots(topology: Topology, state: ClusterState, masks: SelectorMasks) -> Mask:
    if topology.all_nodes:
        return state.alive
    if topology.selector is not None:
        return masks.match(topology.selector)
    mask: Mask = np.zeros(state.capacity, dtype=np.bool_)
    if topology.node in state.slot_of:
        mask[state.slot_of[topology.node]] = True
    return mask
