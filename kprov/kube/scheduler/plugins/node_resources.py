"""NodeResourcesFit and NodeResourcesBalancedAllocation: requests must fit, and be spread evenly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kprov.contract.scheduler.arguments import (
    NodeResourcesBalancedAllocationArgs,
    NodeResourcesFitArgs,
)
from kprov.kube.api.core import Node, Pod
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.devices.device_totals import count_devices
from kprov.kube.scheduler.devices.extended_resources import CLASS_PREFIX, get_explicit_name
from kprov.kube.scheduler.devices.listers import DeviceListers
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Rejection
from kprov.kube.scheduler.framework.scores import MAX_SCORE, Scores
from kprov.kube.scheduler.plugins.resource_scores import build_scorer, score_balance
from kprov.kube.scheduler.state.columns import Counts, Mask
from kprov.kube.scheduler.state.demands import Demand
from kprov.kube.scheduler.state.pod_info import (
    COLUMNS,
    CPU,
    EPHEMERAL,
    MEMORY,
    PODS,
    Amounts,
    PodInfo,
    is_placed,
    parse_amounts,
)
from kprov.kube.scheduler.state.pod_requests import sum_requests

_TOO_MANY = "Too many pods"
_REASONS = (
    (CPU, "Insufficient cpu"),
    (MEMORY, "Insufficient memory"),
    (EPHEMERAL, "Insufficient ephemeral-storage"),
)


class NodeResourcesFit(Plugin):
    """Filters by requests; scores by the strategy of its arguments, LeastAllocated by default."""

    name = "NodeResourcesFit"
    reports_all_reasons = True
    uses_requests_only = True

    def __init__(
        self, arguments: NodeResourcesFitArgs | None = None, devices: DeviceListers | None = None
    ) -> None:
        """Create the plugin. `devices`: which extended resources devices provide.

        DynamicResources checks these on the nodes that do not list them.
        """
        self._devices = devices or DeviceListers()
        arguments = arguments or NodeResourcesFitArgs()
        self._ignored = frozenset(arguments.ignored_resources)
        self._ignored_groups = frozenset(arguments.ignored_resource_groups)
        self._scorer = build_scorer(arguments.scoring_strategy)
        self._resources = [
            (resource.name, resource.weight) for resource in arguments.scoring_strategy.resources
        ]

    def list_events(self) -> Sequence[EventRegistration]:
        return (
            EventRegistration(Resource.POD, Action.DELETE | Action.UPDATE_POD_SCALE_DOWN, self._helps_pod),
            EventRegistration(Resource.NODE, Action.ADD | Action.UPDATE_NODE_ALLOCATABLE, self._helps_node),
            EventRegistration(Resource.DEVICE_CLASS, Action.ADD | Action.UPDATE, _helps_class),
        )

    def _helps_pod(self, info: PodInfo, old: Pod, new: Pod | None) -> bool:
        """Whether a pod is gone, or requests less of something that the waiting pod requests."""
        if new is None:
            return is_placed(old)
        if new.metadata.uid == info.pod.metadata.uid:
            return True
        if not new.spec.node_name:
            return False
        before, after = sum_requests(old), sum_requests(new)
        return any(
            before.get(name, 0) > after.get(name, 0)
            for name, amount in sum_requests(info.pod).items()
            if amount
        )

    def _helps_node(self, info: PodInfo, old: Node | None, new: Node) -> bool:
        """Whether the empty node is large enough, and has more of something that the pod requests."""
        row, extended = parse_amounts(new.status.allocatable)
        everything = self._list_wanted(info)
        wanted = [
            (name, amount)
            for name, amount in everything
            if extended.get(name, 0) > 0 or not self._has_class(name)
        ]
        if not self._has_space(info, wanted, row, extended):
            return False
        if old is None or len(wanted) < len(everything):
            return True
        before, extended_before = parse_amounts(old.status.allocatable)
        return any(
            row[column] > before[column] for column in COLUMNS.values() if info.requests[column]
        ) or any(extended.get(name, 0) > extended_before.get(name, 0) for name, _ in wanted)

    @staticmethod
    def _has_space(
        info: PodInfo, wanted: Sequence[tuple[str, int]], row: Amounts, extended: dict[str, int]
    ) -> bool:
        return all(
            info.requests[column] <= row[column] for column in COLUMNS.values() if info.requests[column]
        ) and all(amount <= extended.get(name, 0) for name, amount in wanted)

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        """Reject nodes with too few resources. Preemption cannot help if the node itself is too small."""
        state, wanted = cycle.state, cycle.info.requests
        yield Rejection(_TOO_MANY, state.requested[:, PODS] + wanted[PODS] > state.allocatable[:, PODS], True)
        for column, reason in _REASONS:
            if wanted[column]:
                allocatable = state.allocatable[:, column]
                missing = wanted[column] > allocatable - state.requested[:, column]
                yield Rejection(reason, missing, wanted[column] <= allocatable)
        for name, amount in self._list_wanted(cycle.info):
            resource = state.get_extended_resource(name)
            missing = amount > resource.allocatable - resource.requested
            if self._has_class(name):
                missing &= resource.allocatable > 0
            yield Rejection(f"Insufficient {name}", missing, amount <= resource.allocatable)

    def accepts_node(self, cycle: CycleState, slot: int) -> bool:
        return all(demand.get_free(cycle.state, slot) >= demand.amount for demand in self.list_demands(cycle))

    def list_demands(self, cycle: CycleState) -> list[Demand]:
        requests = cycle.info.requests
        demands = [Demand(_TOO_MANY, int(requests[PODS]), PODS)]
        demands += [
            Demand(reason, int(requests[column]), column) for column, reason in _REASONS if requests[column]
        ]
        demands += [
            Demand(f"Insufficient {name}", amount, name=name, has_class=self._has_class(name))
            for name, amount in self._list_wanted(cycle.info)
        ]
        return demands

    def _has_class(self, name: str) -> bool:
        return self._devices.extended.find(name) is not None

    def _list_wanted(self, info: PodInfo) -> list[tuple[str, int]]:
        """Return the extended resources that the pod requests and that the arguments do not ignore."""
        return [
            (name, amount)
            for name, amount in info.extended.items()
            if name not in self._ignored and name.partition("/")[0] not in self._ignored_groups
        ]

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        parts = []
        for name, weight in self._resources:
            used, amount, allocatable = get_usage(cycle, name, self._devices, nonzero=True)
            if amount or name in COLUMNS:
                parts.append((used + amount, allocatable, weight))
        return self._scorer(parts, cycle.state.capacity)


class NodeResourcesBalancedAllocation(Plugin):
    """Prefers nodes where the pod brings resources to like shares. Without requests all nodes are alike."""

    name = "NodeResourcesBalancedAllocation"

    def __init__(
        self,
        arguments: NodeResourcesBalancedAllocationArgs | None = None,
        devices: DeviceListers | None = None,
    ) -> None:
        self._devices = devices or DeviceListers()
        arguments = arguments or NodeResourcesBalancedAllocationArgs()
        self._resources = [resource.name for resource in arguments.resources]

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        usages = [(name, get_usage(cycle, name, self._devices, nonzero=False)) for name in self._resources]
        if not any(amount for _, (_, amount, _) in usages):
            return None
        usages = [(name, usage) for name, usage in usages if usage[1] or name in COLUMNS]
        allocatable = [usage[2] for _, usage in usages]
        before = score_balance([usage[0] for _, usage in usages], allocatable)
        after = score_balance([usage[0] + usage[1] for _, usage in usages], allocatable)
        half = MAX_SCORE / 2
        scores: Scores = half + np.floor((half + after - before) / 2)
        return scores


def _helps_class(info: PodInfo, old: JsonObject | None, new: JsonObject) -> bool:
    """Whether a new or changed device class now provides an extended resource that the pod requests."""
    name = get_explicit_name(new)
    if old is not None:
        return name in info.extended and name != get_explicit_name(old)
    return name in info.extended or CLASS_PREFIX + new["metadata"]["name"] in info.extended


def get_usage(
    cycle: CycleState, name: str, devices: DeviceListers, *, nonzero: bool
) -> tuple[Counts, int, Counts]:
    """Return (requests of all pods by slot, request of this pod, allocatable by slot) of a resource.

    If a node does not list an extended resource, the devices of the resource's class count instead.
    `nonzero`: count defaults for CPU and memory of containers without requests.
    """
    state, info = cycle.state, cycle.info
    column = COLUMNS.get(name)
    if column is None:
        amount = info.extended.get(name, 0)
        resource = state.get_extended_resource(name)
        device_class = devices.extended.find(name) if amount else None
        if device_class is None:
            return resource.requested, amount, resource.allocatable
        total, allocated = count_devices(device_class, state, devices)
        is_own = resource.allocatable > 0
        used = np.where(is_own, resource.requested, allocated)
        return used, amount, np.where(is_own, resource.allocatable, total)
    if nonzero and column in (CPU, MEMORY):
        return state.nonzero[:, column], int(info.nonzero[column]), state.allocatable[:, column]
    return state.requested[:, column], int(info.requests[column]), state.allocatable[:, column]
