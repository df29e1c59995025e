"""Requests and limits of a whole pod.

Source: upstream staging/src/k8s.io/component-helpers/resource/helpers.go (PodRequests, PodLimits).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.quantity import Quantity

Amounts = dict[str, Quantity]

_POD_LEVEL: Final = frozenset({"cpu", "memory"})
_HUGE_PAGES: Final = "hugepages-"


def parse_amounts(listed: Mapping[str, Any] | None) -> Amounts:
    """Parse a resource list."""
    return {name: Quantity.parse(value) for name, value in (listed or {}).items()}


def compute_pod_resources(pod: JsonMapping, part: str, *, use_status: bool = True) -> Amounts:
    """Sum of `part` ("requests" or "limits") with init containers, sidecars, pod level and overhead.

    use_status: count what the pod still has although a resize took it away.
    """
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    states = _Statuses(status if use_status else {})
    total = _sum_containers(spec, part, states)
    for name, amount in _pod_level(spec, status, part, states).items():
        total[name] = amount
    for name, amount in parse_amounts(spec.get("overhead")).items():
        if part == "requests" or (name in total and not total[name].is_zero):
            add_amounts(total, {name: amount})
    return total


def sum_container_resources(spec: JsonMapping, part: str) -> Amounts:
    """Return what the containers of a spec need together, without pod level and overhead."""
    return _sum_containers(spec, part, _Statuses({}))


def _sum_containers(spec: JsonMapping, part: str, states: _Statuses) -> Amounts:
    """Return the larger of running containers with sidecars, and the largest step of the start."""
    total: Amounts = {}
    for container in spec.get("containers") or ():
        add_amounts(total, states.container_amounts(container, part))
    sidecars: Amounts = {}
    largest: Amounts = {}
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            own = states.container_amounts(container, part)
            add_amounts(total, own)
            add_amounts(sidecars, own)
            raise_amounts(largest, sidecars)
        else:
            beside = parse_amounts((container.get("resources") or {}).get(part))
            add_amounts(beside, sidecars)
            raise_amounts(largest, beside)
    raise_amounts(total, largest)
    return total


def has_pod_level(spec: JsonMapping) -> bool:
    """Whether spec.resources has a resource that is supported at pod level."""
    return any(
        _is_pod_level(name)
        for part in ("requests", "limits")
        for name in ((spec.get("resources") or {}).get(part) or ())
    )


def add_amounts(total: Amounts, part: Amounts) -> None:
    """Add in place, name by name."""
    for name, amount in part.items():
        total[name] = total[name] + amount if name in total else amount


def raise_amounts(total: Amounts, part: Amounts) -> None:
    """Take the larger amount in place, name by name."""
    for name, amount in part.items():
        if name not in total or total[name] < amount:
            total[name] = amount


class _Statuses:
    def __init__(self, status: JsonMapping) -> None:
        self._by_name = {
            container_status["name"]: container_status
            for kind in ("containerStatuses", "initContainerStatuses")
            for container_status in status.get(kind) or ()
        }
        self._is_resize_infeasible = any(
            condition.get("type") == "PodResizePending" and condition.get("reason") == "Infeasible"
            for condition in status.get("conditions") or ()
        )

    def container_amounts(self, container: JsonMapping, part: str) -> Amounts:
        wanted = parse_amounts((container.get("resources") or {}).get(part))
        state = self._by_name.get(container.get("name"))
        if state is None or state.get("resources") is None:
            return wanted
        return self.merge(wanted, state["resources"].get(part), state.get("allocatedResources"), part)

    def merge(
        self, wanted: Amounts, actual: JsonMapping | None, allocated: JsonMapping | None, part: str
    ) -> Amounts:
        """Return the largest of spec, actual and allocated resources.

        Without spec if a resize is infeasible.
        """
        amounts = {} if self._is_resize_infeasible else dict(wanted)
        raise_amounts(amounts, parse_amounts(actual))
        if part == "requests":
            raise_amounts(amounts, parse_amounts(allocated))
        return amounts


def _pod_level(spec: JsonMapping, status: JsonMapping, part: str, states: _Statuses) -> Amounts:
    wanted = parse_amounts((spec.get("resources") or {}).get(part))
    wanted = {name: amount for name, amount in wanted.items() if _is_pod_level(name)}
    actual = status.get("resources")
    if not wanted or actual is None:
        return wanted
    merge = states.merge(wanted, actual.get(part), status.get("allocatedResources"), part)
    return {name: merge.get(name, Quantity(0)) for name in wanted}


def _is_pod_level(name: str) -> bool:
    return name in _POD_LEVEL or name.startswith(_HUGE_PAGES)
