"""Capacities of devices, and how several claims may share one.

Source: upstream pkg/apis/resource/validation/validation.go (validateRequestPolicy).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.resource.device_lists import check_distinct_list, check_map
from kprov.kube.apiserver.registry.resource.device_names import check_qualified_name
from kprov.kube.apiserver.registry.resource.resource_slice.attributes import KEY_BYTES_MAX
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

_CHOICES_MAX: Final = 10


def validate_capacities(values: Mapping[str, Any] | None, path: str, *, shared: bool) -> Errors:
    """Field rules of capacities. shared: several claims may share the device."""
    rule = _validate_shared_capacity if shared else _validate_whole_capacity
    yield from check_map(values, path, None, KEY_BYTES_MAX, check_qualified_name, rule)


def _validate_whole_capacity(capacity: JsonObject, path: str) -> Errors:
    if capacity.get("requestPolicy") is not None:
        yield field.forbidden(f"{path}.requestPolicy", "allowMultipleAllocations must be true")


def _validate_shared_capacity(capacity: JsonObject, path: str) -> Errors:
    policy, path = capacity.get("requestPolicy"), f"{path}.requestPolicy"
    if policy is None:
        return
    values, limits = policy.get("validValues"), policy.get("validRange")
    if values and limits is not None:
        text = (
            'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same '
            "time"
        )
        yield field.forbidden(path, text)
        return
    part = "validValues" if values else "validRange"
    if not values and limits is None:
        return
    if policy.get("default") is None:
        yield field.required(f"{path}.default", f"required when {part} is defined")
        return
    default, most = _parse_quantity(policy["default"]), _parse_quantity(capacity.get("value", "0"))
    if values:
        yield from _validate_valid_values(
            default, most, [_parse_quantity(value) for value in values], f"{path}.validValues"
        )
    else:
        yield from _validate_valid_range(default, most, limits, f"{path}.validRange")


def _parse_quantity(text: Any) -> Quantity:
    return Quantity.parse(str(text))


def _validate_valid_values(default: Quantity, most: Quantity, values: list[Quantity], path: str) -> Errors:
    for index, (choice, next_choice) in enumerate(pairwise(values)):
        if choice > next_choice:
            text = "values must be sorted in ascending order"
            yield field.invalid(f"{path}[{index + 1}]", str(next_choice), text)

    def rule(value: Quantity, where: str) -> Errors:
        if value > most:
            yield field.invalid(where, str(value), f"option is larger than capacity value: {most}")

    yield from check_distinct_list(values, path, _CHOICES_MAX, rule, lambda value: str(value.value))
    if len(values) > _CHOICES_MAX or default not in values:
        text = "default value is not valid according to the requestPolicy"
        yield field.invalid(path, str(default), text)


def _validate_valid_range(default: Quantity, most: Quantity, limits: JsonObject, path: str) -> Errors:
    if limits.get("min") is None:
        yield field.required(f"{path}.min", "required when validRange is defined")
        return
    low = _parse_quantity(limits["min"])
    if low > most:
        yield field.invalid(f"{path}.min", str(low), f"min is larger than capacity value: {most}")
    if default < low:
        yield field.invalid(f"{path}.min", str(default), f"default is less than min: {low}")
    high = None if limits.get("max") is None else _parse_quantity(limits["max"])
    if high is not None:
        where = f"{path}.max"
        if low > high:
            yield field.invalid(where, str(low), f"min is larger than max: {high}")
        if high > most:
            yield field.invalid(where, str(high), f"max is larger than capacity value: {most}")
        if default > high:
            yield field.invalid(where, str(default), f"default is more than max: {high}")
    if limits.get("step") is not None:
        yield from _validate_step(limits, low, high, default, most, path)


def _validate_step(
    limits: JsonObject, low: Quantity, high: Quantity | None, default: Quantity, most: Quantity, path: str
) -> Errors:
    step, where = _parse_quantity(limits["step"]), f"{path}.step"
    if low + step > most:
        text = f"one step {low + step} is larger than capacity value: {most}"
        yield field.invalid(where, str(step), text)
    for value in (default, high):
        # Upstream divides by zero here and panics.
        if value is not None and (not step.value or (value.value - low.value) % step.value):
            text = f"value is not a multiple of a given step ({step}) from ({low})"
            yield field.invalid(where, str(value), text)
