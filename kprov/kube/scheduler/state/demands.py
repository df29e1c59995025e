"""What a pod requests of single resources, checked against one node without arrays."""

from __future__ import annotations

from dataclasses import dataclass

from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.pod_info import PodInfo

_EXTENDED = -1
#: More than any sum of requests.
_ENOUGH = 1 << 63


@dataclass(frozen=True, slots=True)
class Demand:
    """An amount of one resource, and the reason for which a node without it is rejected.

    `column`: of COLUMNS. An extended resource has a `name` instead.
    `has_class`: nodes without the resource give the pod devices of a class, which are checked elsewhere.
    """

    reason: str
    amount: int
    column: int = _EXTENDED
    name: str = ""
    has_class: bool = False

    def get_free(self, state: ClusterState, slot: int) -> int:
        """Return what the pods of the node leave. It is negative if they request more than there is."""
        if self.column == _EXTENDED:
            resource = state.get_extended_resource(self.name)
            if self.has_class and resource.allocatable[slot] <= 0:
                return _ENOUGH
            return int(resource.allocatable[slot]) - int(resource.requested[slot])
        return int(state.allocatable[slot, self.column]) - int(state.requested[slot, self.column])

    def get_request(self, info: PodInfo) -> int:
        """Return what another pod requests of the resource."""
        if self.column == _EXTENDED:
            return info.extended.get(self.name, 0)
        return int(info.requests[self.column])
