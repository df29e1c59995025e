"""What a whole pod requests and is limited to.

Source: upstream staging/src/k8s.io/component-helpers/resource/helpers.go (PodRequests, PodLimits).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.machinery.quantity import Quantity

Object = Mapping[str, Any]
Amounts = dict[str, Quantity]

_POD_LEVEL: Final = frozenset({"cpu", "memory"})
_HUGE_PAGES: Final = "hugepages-"


def amounts(listed: Mapping[str, Any] | None) -> Amounts:
    """A resource list of the wire, parsed."""
    return {name: Quantity.parse(value) for name, value in (listed or {}).items()}


def of_pod(pod: Object, part: str, *, use_status: bool = True) -> Amounts:
    """Sum of `part` ("requests" or "limits") with init containers, sidecars, pod level and overhead.

    With `use_status` what a resize has not yet taken away counts, too.
    """
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    states = _Statuses(status) if use_status else _Statuses({})
    total: Amounts = {}
    for container in spec.get("containers") or ():
        add(total, states.effective(container, part))
    sidecars: Amounts = {}
    largest: Amounts = {}
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            own = states.effective(container, part)
            add(total, own)
            add(sidecars, own)
            at_least(largest, sidecars)
        else:
            beside = amounts((container.get("resources") or {}).get(part))
            add(beside, sidecars)
            at_least(largest, beside)
    at_least(total, largest)
    for name, amount in _pod_level(spec, status, part, states).items():
        total[name] = amount
    for name, amount in amounts(spec.get("overhead")).items():
        if part == "requests" or (name in total and not total[name].is_zero):
            add(total, {name: amount})
    return total


def has_pod_level(spec: Object) -> bool:
    """Whether spec.resources says something that counts."""
    return any(
        _is_pod_level(name)
        for part in ("requests", "limits")
        for name in ((spec.get("resources") or {}).get(part) or ())
    )


def add(total: Amounts, part: Amounts) -> None:
    """Add in place, name by name."""
    for name, amount in part.items():
        total[name] = total[name] + amount if name in total else amount


def at_least(total: Amounts, part: Amounts) -> None:
    """Raise in place what is less, name by name."""
    for name, amount in part.items():
        if name not in total or total[name] < amount:
            total[name] = amount


class _Statuses:
    def __init__(self, status: Object) -> None:
        self._by_name = {
            each["name"]: each
            for kind in ("containerStatuses", "initContainerStatuses")
            for each in status.get(kind) or ()
        }
        self._infeasible = any(
            each.get("type") == "PodResizePending" and each.get("reason") == "Infeasible"
            for each in status.get("conditions") or ()
        )

    def effective(self, container: Object, part: str) -> Amounts:
        wanted = amounts((container.get("resources") or {}).get(part))
        state = self._by_name.get(container.get("name"))
        if state is None or state.get("resources") is None:
            return wanted
        return self.merged(wanted, state["resources"].get(part), state.get("allocatedResources"), part)

    def merged(self, wanted: Amounts, actual: Object | None, allocated: Object | None, part: str) -> Amounts:
        """The largest of what is wanted, in force and promised; without the wish when it cannot be met."""
        found = {} if self._infeasible else dict(wanted)
        at_least(found, amounts(actual))
        if part == "requests":
            at_least(found, amounts(allocated))
        return found


def _pod_level(spec: Object, status: Object, part: str, states: _Statuses) -> Amounts:
    wanted = amounts((spec.get("resources") or {}).get(part))
    wanted = {name: amount for name, amount in wanted.items() if _is_pod_level(name)}
    actual = status.get("resources")
    if not wanted or actual is None:
        return wanted
    merged = states.merged(wanted, actual.get(part), status.get("allocatedResources"), part)
    return {name: merged.get(name, Quantity(0)) for name in wanted}


def _is_pod_level(name: str) -> bool:
    return name in _POD_LEVEL or name.startswith(_HUGE_PAGES)
