"""Runs the allocator for all nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kprov.kube.api.core import NodeSelector
from kprov.kube.api.decoding import convert
from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.scheduler.devices.allocator import ClaimRequests, NodeAllocator, SearchTimeoutError
from kprov.kube.scheduler.devices.counters import AvailableCounters
from kprov.kube.scheduler.devices.listers import DeviceListers
from kprov.kube.scheduler.devices.pools import gather_pools
from kprov.kube.scheduler.devices.requests import AllocationError, NodeError
from kprov.kube.scheduler.devices.slices import Topology
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Mask
from kprov.kube.scheduler.state.node_selectors import match_selector

_NO_DEVICES = "cannot allocate all claims"


@dataclass(slots=True)
class NodeSearchResult:
    """`allocations`: the devices of the claims by slot. `rejected`: the other slots by reason."""

    allocations: dict[int, Sequence[ClaimRequests]] = field(default_factory=dict)
    rejected: dict[str, Mask] = field(default_factory=dict)


class SelectorMasks:
    """Matches node selectors against all nodes, each once."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        #: With the selector, so that no other one gets its id.
        self._masks: dict[int, tuple[JsonMapping, Mask]] = {}

    def match(self, selector: JsonMapping) -> Mask:
        known = self._masks.get(id(selector))
        if known is None:
            mask = match_selector(convert(selector, NodeSelector), self._state)
            known = self._masks[id(selector)] = (selector, mask)
        return known[1]

    def match_topology(self, topology: Topology, slot: int, node: str) -> bool:
        """Whether a node can use something."""
        if topology.node:
            return topology.node == node
        if topology.all_nodes:
            return True
        return topology.selector is not None and bool(self.match(topology.selector)[slot])


def search_nodes(
    claims: Sequence[JsonObject],
    state: ClusterState,
    listers: DeviceListers,
    masks: SelectorMasks,
    deadline: float = math.inf,
    among: Mask | None = None,
) -> NodeSearchResult:
    """Search devices for the claims on each node of `among`. Raise AllocationError.

    `deadline`: of time.monotonic(), for all nodes together.
    """
    result = NodeSearchResult()
    allocated = listers.claims.allocated
    counters = AvailableCounters(lambda id_: id_ in allocated.devices or id_ in allocated.capacity)
    shared = listers.slices.list_shared()
    for slot in map(int, np.flatnonzero(state.alive if among is None else among)):
        node = state.nodes[slot]
        assert node is not None
        name = node.metadata.name

        def matches(topology: Topology, slot: int = slot, name: str = name) -> bool:
            return masks.match_topology(topology, slot, name)

        pools = gather_pools(listers.slices, name, shared, matches)
        try:
            chosen = NodeAllocator(
                claims,
                pools,
                matches=matches,
                get_class=listers.get_class,
                allocated=allocated,
                counters=counters,
                deadline=deadline,
            ).allocate()
            reason = _NO_DEVICES
        except SearchTimeoutError:
            raise AllocationError(f"node {name}: timed out trying to allocate devices") from None
        except NodeError as error:
            chosen, reason = None, str(error)
        if chosen is None:
            mask = result.rejected.setdefault(reason, np.zeros(state.capacity, dtype=np.bool_))
            mask[slot] = True
        else:
            result.allocations[slot] = chosen
    return result
