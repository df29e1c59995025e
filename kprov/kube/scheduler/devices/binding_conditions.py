"""Conditions of allocated devices that have to be true before a pod is bound, such as an attached device."""

from __future__ import annotations

import time
from collections.abc import Iterator

from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonMapping

#: bindingTimeout of upstream's DynamicResourcesArgs.
BIND_SECONDS = 600.0


class BindingFailedError(Exception):
    """A device cannot be prepared. The message is upstream's."""


def has_binding_conditions(claim: JsonMapping) -> bool:
    return any(result.get("bindingConditions") for result in _list_results(claim))


def is_ready(claim: JsonMapping) -> bool:
    """Whether all conditions of its devices are true. Raises BindingFailedError."""
    return all(_is_device_ready(claim, result) for result in _list_results(claim))


def is_overdue(claim: JsonMapping, seconds: float) -> bool:
    """Whether the devices had their time to get ready."""
    allocated = ((claim.get("status") or {}).get("allocation") or {}).get("allocationTimestamp")
    if not allocated or not has_binding_conditions(claim):
        return False
    return timestamps.seconds(allocated) + seconds < time.time()


def is_unusable(claim: JsonMapping, seconds: float) -> bool:
    """Whether other devices should be tried."""
    try:
        return not is_ready(claim) and is_overdue(claim, seconds)
    except BindingFailedError:
        return True


def _is_device_ready(claim: JsonMapping, result: JsonMapping) -> bool:
    if not result.get("bindingConditions"):
        return True
    conditions = _find_conditions(claim, result)
    for kind in result.get("bindingFailureConditions") or ():
        condition = conditions.get(kind, {})
        if condition.get("status") == "True":
            name, reason = claim["metadata"]["name"], condition.get("reason", "")
            raise BindingFailedError(
                f"device binding failed: claim={name}, reason={reason}, "
                f'message="{condition.get("message", "")}"'
            )
    return all(conditions.get(kind, {}).get("status") == "True" for kind in result["bindingConditions"])


def _find_conditions(claim: JsonMapping, result: JsonMapping) -> dict[str, JsonMapping]:
    """Return the conditions that the driver reports of a device."""
    for device in (claim.get("status") or {}).get("devices") or ():
        if all(device.get(field) == result[field] for field in ("driver", "pool", "device")):
            return {condition["type"]: condition for condition in device.get("conditions") or ()}
    return {}


def _list_results(claim: JsonMapping) -> Iterator[JsonMapping]:
    allocation = (claim.get("status") or {}).get("allocation") or {}
    yield from (allocation.get("devices") or {}).get("results") or ()
