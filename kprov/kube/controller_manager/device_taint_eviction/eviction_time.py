"""When the pods of a claim have to leave its tainted devices."""

from collections.abc import Iterable, Iterator
from typing import Final

from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonMapping

_NO_EXECUTE: Final = "NoExecute"


def has_evicting_taint(resource_slice: JsonMapping) -> bool:
    """Whether a device of the slice has a taint that ends pods."""
    devices = resource_slice["spec"].get("devices") or ()
    return any(True for device in devices for _ in _list_evicting_taints(device))


def find_device(slices: Iterable[JsonMapping], name: str) -> JsonMapping | None:
    """Return a device of a pool. slices: all of the pool. Only those of its newest generation count."""
    known = list(slices)
    newest = max((_get_generation(resource_slice) for resource_slice in known), default=0)
    for resource_slice in known:
        if _get_generation(resource_slice) == newest:
            device: JsonMapping
            for device in resource_slice["spec"].get("devices") or ():
                if device["name"] == name:
                    return device
    return None


def compute_eviction_time(result: JsonMapping, device: JsonMapping) -> float | None:
    """Return the Unix time at which pods have to leave an allocated device. None: they may stay.

    result: what was allocated, with the tolerations of its request.
    """
    tolerations = result.get("tolerations") or ()
    times = [_compute_taint_time(taint, tolerations) for taint in _list_evicting_taints(device)]
    return min((time for time in times if time is not None), default=None)


def _compute_taint_time(taint: JsonMapping, tolerations: Iterable[JsonMapping]) -> float | None:
    """None: the taint is tolerated for ever, or nobody knows since when it exists."""
    fitting = [toleration for toleration in tolerations if _tolerates(toleration, taint)]
    limits = [toleration.get("tolerationSeconds") for toleration in fitting]
    if not taint.get("timeAdded") or None in limits:
        return None
    seconds = min((max(0, limit) for limit in limits if limit is not None), default=0)
    return timestamps.seconds(taint["timeAdded"]) + seconds


def _tolerates(toleration: JsonMapping, taint: JsonMapping) -> bool:
    if toleration.get("effect") != _NO_EXECUTE or toleration.get("key") not in (None, "", taint.get("key")):
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Equal":
        return bool((toleration.get("value") or "") == (taint.get("value") or ""))
    return bool(operator == "Exists")


def _list_evicting_taints(device: JsonMapping) -> Iterator[JsonMapping]:
    return (taint for taint in device.get("taints") or () if taint.get("effect") == _NO_EXECUTE)


def _get_generation(resource_slice: JsonMapping) -> int:
    return int(resource_slice["spec"]["pool"].get("generation") or 0)
