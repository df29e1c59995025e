"""What a pod requests, as upstream's resourcehelper.PodRequests with UseStatusResources has it.

A resize in place counts when it is wanted. What it takes away counts until the container has lost it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kprov.kube.api.core import Container, ContainerStatus, Pod, PodSpec, PodStatus, ResourceRequirements
from kprov.kube.api.core.types import ResourceList
from kprov.kube.api.meta import Condition
from kprov.kube.machinery.key_bounds import cache_short
from kprov.kube.machinery.quantity import Quantity

#: What a container without requests counts as in scores (upstream's schedutil.DefaultMilliCPURequest ...).
DEFAULT_MILLI_CPU, DEFAULT_MEMORY = 100, 200 * 1024 * 1024
_RESIZE_PENDING: Final = "PodResizePending"
#: Resources that pods may request as a whole.
_POD_LEVEL: Final = frozenset({"cpu", "memory"})
_HUGE_PAGES: Final = "hugepages-"


def sum_requests(pod: Pod, *, nonzero: bool = False) -> dict[str, int]:
    """Sum of the containers and sidecars, or the largest init container with the sidecars before it.

    nonzero: with the defaults for CPU and memory.
    """
    states = _Statuses(pod.status)
    total: dict[str, int] = {}
    for container in pod.spec.containers:
        _add_amounts(total, _fill(states.get_requests(container), nonzero=nonzero))
    sidecars: dict[str, int] = {}
    largest: dict[str, int] = {}
    for container in pod.spec.init_containers:
        if container.restart_policy == "Always":
            asked = _fill(states.get_requests(container), nonzero=nonzero)
            _add_amounts(sidecars, asked)
            _add_amounts(total, asked)
            peak = sidecars
        else:
            peak = _fill(_parse(container.resources.requests), nonzero=nonzero)
            _add_amounts(peak, sidecars)
        _raise_amounts(largest, peak)
    _raise_amounts(total, largest)
    if pod.spec.resources is not None:
        total |= _get_pod_level(pod.spec.resources, pod.status, states)
    _add_amounts(total, _parse(pod.spec.overhead))
    return total


def keep_resized(kept: PodStatus, status: PodStatus, spec: PodSpec) -> None:
    """Add the parts of a status that `sum_requests` reads, if they say something else than the spec."""
    kept.container_statuses = _list_resized(status.container_statuses, spec.containers)
    sidecars = [container for container in spec.init_containers if container.restart_policy == "Always"]
    kept.init_container_statuses = _list_resized(status.init_container_statuses, sidecars)
    if (
        spec.resources is not None
        and status.resources is not None
        and _differs(spec.resources.requests, status.resources, status.allocated_resources)
    ):
        kept.resources = ResourceRequirements(requests=status.resources.requests)
        kept.allocated_resources = status.allocated_resources
    if kept.container_statuses or kept.init_container_statuses or kept.resources is not None:
        kept.conditions += [
            Condition(type=condition.type, status=condition.status, reason=condition.reason)
            for condition in status.conditions
            if condition.type == _RESIZE_PENDING
        ]


def get_resize_fields(status: PodStatus) -> object:
    """Return a value that is equal for two statuses with the same effect on requests."""
    return (
        [
            (container.name, container.resources, container.allocated_resources)
            for container in status.container_statuses
        ],
        [
            (container.name, container.resources, container.allocated_resources)
            for container in status.init_container_statuses
        ],
        status.resources,
        status.allocated_resources,
        _is_infeasible(status),
    )


@cache_short(maxsize=4096)
def amount(name: str, value: str | float) -> int:
    """Return a quantity in the unit of the sums: milli-CPU, and whole units of all other resources."""
    quantity = Quantity.parse(value)
    return quantity.milli_value if name == "cpu" else quantity.value


class _Statuses:
    """The containers of a pod whose status has resources."""

    def __init__(self, status: PodStatus) -> None:
        self._by_name: Mapping[str, ContainerStatus] = {}
        self.is_infeasible = False
        if status.container_statuses or status.init_container_statuses or status.resources is not None:
            self._by_name = {
                container.name: container
                for container in (*status.container_statuses, *status.init_container_statuses)
                if container.resources is not None
            }
            self.is_infeasible = _is_infeasible(status)

    def get_requests(self, container: Container) -> dict[str, int]:
        wanted = _parse(container.resources.requests)
        state = self._by_name.get(container.name)
        if state is None or state.resources is None:
            return wanted
        return self.merge(wanted, state.resources, state.allocated_resources)

    def merge(
        self, wanted: dict[str, int], actual: ResourceRequirements, allocated: ResourceList
    ) -> dict[str, int]:
        """Return the largest amounts. A resize for which the node will never have space does not count."""
        merged = {} if self.is_infeasible else dict(wanted)
        _raise_amounts(merged, _parse(actual.requests))
        _raise_amounts(merged, _parse(allocated))
        return merged


def _is_infeasible(status: PodStatus) -> bool:
    pending = next((condition for condition in status.conditions if condition.type == _RESIZE_PENDING), None)
    return pending is not None and pending.reason == "Infeasible"


def _list_resized(statuses: list[ContainerStatus], containers: list[Container]) -> list[ContainerStatus]:
    requests = {container.name: container.resources.requests for container in containers}
    return [
        ContainerStatus(
            name=status.name,
            resources=ResourceRequirements(requests=status.resources.requests),
            allocated_resources=status.allocated_resources,
        )
        for status in statuses
        if status.resources is not None
        and status.name in requests
        and _differs(requests[status.name], status.resources, status.allocated_resources)
    ]


def _differs(wanted: ResourceList, actual: ResourceRequirements, allocated: ResourceList) -> bool:
    return actual.requests != wanted or bool(allocated and allocated != wanted)


def _get_pod_level(resources: ResourceRequirements, status: PodStatus, states: _Statuses) -> dict[str, int]:
    wanted = {
        name: value
        for name, value in _parse(resources.requests).items()
        if name in _POD_LEVEL or name.startswith(_HUGE_PAGES)
    }
    if status.resources is None:
        return wanted
    merged = states.merge(wanted, status.resources, status.allocated_resources)
    return {name: merged.get(name, 0) for name in wanted}


def _parse(listed: ResourceList) -> dict[str, int]:
    return {name: amount(name, value) for name, value in listed.items()}


def _fill(asked: dict[str, int], *, nonzero: bool) -> dict[str, int]:
    if nonzero:
        asked.setdefault("cpu", DEFAULT_MILLI_CPU)
        asked.setdefault("memory", DEFAULT_MEMORY)
    return asked


def _add_amounts(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def _raise_amounts(total: dict[str, int], other: Mapping[str, int]) -> None:
    for name, value in other.items():
        total[name] = max(total.get(name, value), value)
