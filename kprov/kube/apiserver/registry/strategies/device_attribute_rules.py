"""What is told of a device: its attributes, and how its capacities may be shared.

Source: upstream pkg/apis/resource/validation/validation.go (validateDeviceAttribute, validateRequestPolicy).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.checks import Errors, each
from kprov.kube.apiserver.registry.strategies.device_checks import distinct, entries, qualified_name
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

#: Bytes of a driver's domain, a slash and an identifier.
_KEY_SHOWN: Final = 63 + 1 + 32
_VALUE_MAX: Final = 64
_CHOICES_MAX: Final = 10
#: Attributes with several values; behind the gate DRAListTypeAttributes.
LISTS: Final = ("bools", "ints", "strings", "versions")
_SINGLE: Final = ("bool", "int", "string", "version")
_NUMBER: Final = r"(0|[1-9]\d*)"
_PRE_RELEASE: Final = r"(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_BUILD: Final = r"[0-9a-zA-Z-]+"
_SEMVER: Final = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PRE_RELEASE}(\.{_PRE_RELEASE})*)?(\+{_BUILD}(\.{_BUILD})*)?",
    re.ASCII,
)
_ONE_VALUE: Final = "exactly one value must be specified"


def attributes(values: Mapping[str, Any] | None, path: str) -> Errors:
    yield from entries(values, path, None, _KEY_SHOWN, qualified_name, _attribute)


def capacities(values: Mapping[str, Any] | None, path: str, *, shared: bool) -> Errors:
    """shared: several may have parts of the device at once."""
    rule = _shared_capacity if shared else _whole_capacity
    yield from entries(values, path, None, _KEY_SHOWN, qualified_name, rule)


def count(values: Mapping[str, Any] | None) -> int:
    """How many values there are, each of a list by itself."""
    return sum(
        sum(len(attribute.get(part) or ()) for part in LISTS) or 1 for attribute in (values or {}).values()
    )


def _attribute(attribute: JsonObject, path: str) -> Errors:
    given = [part for part in (*_SINGLE, *LISTS) if attribute.get(part) is not None]
    if "string" in given:
        yield from _text(attribute["string"], f"{path}.string")
    if "version" in given:
        yield from _version(attribute["version"], f"{path}.version")
    for part in LISTS:
        if part in given and not attribute[part]:
            yield field.invalid(f"{path}.{part}", attribute[part], "must not be empty if specified")
    for where, text in each(attribute.get("strings"), f"{path}.strings"):
        yield from _text(text, where)
    for where, text in each(attribute.get("versions"), f"{path}.versions"):
        yield from _version(text, where)
    if len(given) != 1:
        yield field.invalid(path, attribute if given else "", _ONE_VALUE)


def _text(text: str, path: str) -> Errors:
    if len(text.encode()) > _VALUE_MAX:
        yield field.too_long(path, _VALUE_MAX)


def _version(text: str, path: str) -> Errors:
    if not _SEMVER.fullmatch(text):
        yield field.invalid(path, text, "must be a string compatible with semver.org spec 2.0.0")
    yield from _text(text, path)


def _whole_capacity(capacity: JsonObject, path: str) -> Errors:
    if capacity.get("requestPolicy") is not None:
        yield field.forbidden(f"{path}.requestPolicy", "allowMultipleAllocations must be true")


def _shared_capacity(capacity: JsonObject, path: str) -> Errors:
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
    default, most = _amount(policy["default"]), _amount(capacity.get("value", "0"))
    if values:
        yield from _choices(default, most, [_amount(value) for value in values], f"{path}.validValues")
    else:
        yield from _range(default, most, limits, f"{path}.validRange")


def _amount(text: Any) -> Quantity:
    return Quantity.parse(str(text))


def _choices(default: Quantity, most: Quantity, values: list[Quantity], path: str) -> Errors:
    for index, (one, following) in enumerate(pairwise(values)):
        if one > following:
            text = "values must be sorted in ascending order"
            yield field.invalid(f"{path}[{index + 1}]", str(following), text)

    def rule(value: Quantity, where: str) -> Errors:
        if value > most:
            yield field.invalid(where, str(value), f"option is larger than capacity value: {most}")

    yield from distinct(values, path, _CHOICES_MAX, rule, lambda value: str(value.value))
    if len(values) > _CHOICES_MAX or default not in values:
        text = "default value is not valid according to the requestPolicy"
        yield field.invalid(path, str(default), text)


def _range(default: Quantity, most: Quantity, limits: JsonObject, path: str) -> Errors:
    if limits.get("min") is None:
        yield field.required(f"{path}.min", "required when validRange is defined")
        return
    low = _amount(limits["min"])
    if low > most:
        yield field.invalid(f"{path}.min", str(low), f"min is larger than capacity value: {most}")
    if default < low:
        yield field.invalid(f"{path}.min", str(default), f"default is less than min: {low}")
    high = None if limits.get("max") is None else _amount(limits["max"])
    if high is not None:
        where = f"{path}.max"
        if low > high:
            yield field.invalid(where, str(low), f"min is larger than max: {high}")
        if high > most:
            yield field.invalid(where, str(high), f"max is larger than capacity value: {most}")
        if default > high:
            yield field.invalid(where, str(default), f"default is more than max: {high}")
    if limits.get("step") is not None:
        step, where = _amount(limits["step"]), f"{path}.step"
        if low + step > most:
            text = f"one step {low + step} is larger than capacity value: {most}"
            yield field.invalid(where, str(step), text)
        for value in (default, high):
            # Upstream divides by a step of nothing, and panics.
            if value is not None and (not step.value or (value.value - low.value) % step.value):
                text = f"value is not a multiple of a given step ({step}) from ({low})"
                yield field.invalid(where, str(value), text)
