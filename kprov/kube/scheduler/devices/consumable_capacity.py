"""How much of a device's capacity a request takes, if several requests can share the device."""

from __future__ import annotations

from collections.abc import Mapping

from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.quantity import BINARY_SI, ZERO, Quantity
from kprov.kube.scheduler.devices.slices import Device

Capacity = Mapping[str, Quantity]


def compute_consumption(requests: Capacity, device: Device) -> dict[str, Quantity]:
    """Return what the request takes of each capacity, rounded up by the policy of the capacity."""
    specs = device.spec.get("capacity") or {}
    return {name: _round_request(requests.get(name), specs[name]) for name in device.capacity}


def has_capacity(requests: Capacity, device: Device, allocated: Capacity, allocating: Capacity) -> bool:
    """Whether the device has enough left.

    allocated, allocating: what other claims take, and what is taken for the pod's other requests.
    """
    if not requests.keys() <= device.capacity.keys():
        return False
    specs = device.spec.get("capacity") or {}
    for name, value in compute_consumption(requests, device).items():
        if _violates_policy(value, specs[name].get("requestPolicy") or {}):
            return False
        if value + allocated.get(name, ZERO) + allocating.get(name, ZERO) > device.capacity[name]:
            return False
    return True


def _round_request(requested: Quantity | None, capacity: JsonMapping) -> Quantity:
    """Round a request up. Without a request, return the default, or the whole capacity."""
    policy = capacity.get("requestPolicy") or {}
    if requested is None:
        return Quantity.parse(policy["default"] if policy.get("default") is not None else capacity["value"])
    limits = policy.get("validRange") or {}
    if limits.get("min") is not None:
        return _round_to_step(requested, limits)
    return next(
        (value for value in map(Quantity.parse, policy.get("validValues") or ()) if requested <= value),
        requested,
    )


def _round_to_step(requested: Quantity, limits: JsonMapping) -> Quantity:
    least = Quantity.parse(limits["min"])
    if requested < least:
        return least
    if limits.get("step") is None:
        return requested
    step = Quantity.parse(limits["step"]).value
    steps = -(-(requested.value - least.value) // step)
    return Quantity.of(least.value + steps * step, BINARY_SI)


def _violates_policy(value: Quantity, policy: JsonMapping) -> bool:
    if policy.get("default") is not None and value == Quantity.parse(policy["default"]):
        return False
    limits = policy.get("validRange")
    if limits is not None:
        if limits.get("max") is not None and value > Quantity.parse(limits["max"]):
            return True
        if limits.get("step") is None:
            return False
        least, step = Quantity.parse(limits["min"]).value, Quantity.parse(limits["step"]).value
        return (value.value - least) % step != 0
    values = policy.get("validValues") or ()
    return bool(values) and value not in map(Quantity.parse, values)
