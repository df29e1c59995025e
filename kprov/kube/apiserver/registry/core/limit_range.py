"""Limit ranges.

Source: upstream pkg/registry/core/limitrange/strategy.go,
pkg/apis/core/validation/validation.go (ValidateLimitRange).
"""

from __future__ import annotations

import uuid
from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items, parse_nanos
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec.resources import (
    check_container_resource_name,
    check_resource_name,
    is_native,
)
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

_LIMIT_TYPES: Final = {"Pod", "Container", "PersistentVolumeClaim"}


class LimitRangeStrategy(ResourceStrategy):
    allow_create_on_update = True

    def default(self, obj: JsonObject) -> None:
        for item in (obj.get("spec") or {}).get("limits") or ():
            if item.get("type") != "Container":
                continue
            limits: JsonObject = item.setdefault("default", {})
            requests: JsonObject = item.setdefault("defaultRequest", {})
            for target, source in (
                (limits, item.get("max")),
                (requests, limits),
                (requests, item.get("min")),
            ):
                for name, amount in (source or {}).items():
                    target.setdefault(name, amount)
            for name in ("default", "defaultRequest"):
                if not item[name]:
                    del item[name]

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        """Generate a name for a limit range that has none."""
        super().prepare_for_create(context, obj)
        if not obj["metadata"].get("name"):
            obj["metadata"]["name"] = str(uuid.uuid4())

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_limit_range(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_limit_range(obj))


def validate_limit_range(obj: JsonObject) -> Errors:
    seen: set[str] = set()
    for where, limit in enumerate_items(obj["spec"].get("limits"), "spec.limits"):
        kind = limit.get("type", "")
        wrong = list(checks.check_value(kind, f"{where}.type", names.is_qualified_name))
        yield from wrong
        if not wrong and "/" not in kind and kind not in _LIMIT_TYPES:
            yield field.invalid(f"{where}.type", kind, "must be a standard limit type or fully qualified")
        if kind in seen:
            yield field.duplicate(f"{where}.type", kind)
        seen.add(kind)
        yield from _validate_limit(limit, kind, where)


def _validate_limit(limit: JsonObject, kind: str, path: str) -> Errors:
    check = check_container_resource_name if kind in {"Pod", "Container"} else check_resource_name
    known: set[str] = set()
    bounded = any("storage" in (limit.get(name) or {}) for name in ("min", "max"))
    lacks_storage = kind == "PersistentVolumeClaim" and not bounded
    for part in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
        amounts = limit.get(part) or {}
        if kind == "Pod" and part.startswith("default"):
            if amounts:
                yield field.forbidden(f"{path}.{part}", "may not be specified when `type` is 'Pod'")
            continue
        if part == "maxLimitRequestRatio" and lacks_storage:
            text = "either minimum or maximum storage value is required, but neither was provided"
            yield field.required(f"{path}.limits", text)
        for name in amounts:
            yield from check(name, f"{path}.{part}[{name}]")
            known.add(name)
    for name in sorted(known):
        yield from _validate_order(limit, kind, name, path)


def _validate_order(limit: JsonObject, kind: str, name: str, path: str) -> Errors:
    """Check that min, default request, default limit and max of a resource are in this order."""
    least, most = (limit.get("min") or {}).get(name), (limit.get("max") or {}).get(name)
    default, request = (
        None if kind == "Pod" else (limit.get(part) or {}).get(name) for part in ("default", "defaultRequest")
    )
    for low, high, part, shown, text in (
        (least, most, "min", least, "min value {} is greater than max value {}"),
        (least, request, "defaultRequest", request, "min value {} is greater than default request value {}"),
        (request, most, "defaultRequest", request, "default request value {} is greater than max value {}"),
        (
            *(request, default, "defaultRequest", request),
            "default request value {} is greater than default limit value {}",
        ),
        (least, default, "default", least, "min value {} is greater than default value {}"),
        (default, most, "default", most, "default value {} is greater than max value {}"),
    ):
        if low is not None and high is not None and parse_nanos(low) > parse_nanos(high):
            yield field.invalid(f"{path}.{part}[{name}]", shown, text.format(low, high))
    ratio, where = (limit.get("maxLimitRequestRatio") or {}).get(name), f"{path}.maxLimitRequestRatio[{name}]"
    if ratio is not None and parse_nanos(ratio) < 10**9:
        yield field.invalid(where, ratio, f"ratio {ratio} is less than 1")
    if ratio is not None and least is not None and most is not None:
        divisor = Quantity.parse(least).milli_value
        bound = Quantity.parse(most).milli_value / divisor if divisor else float("inf")
        if Quantity.parse(ratio).milli_value / 1000 > bound:
            yield field.invalid(where, ratio, f"ratio {ratio} is greater than max/min = {bound:f}")
    overcommit = is_native(name) and not name.startswith("hugepages-")
    if (
        not overcommit
        and default is not None
        and request is not None
        and parse_nanos(default) != parse_nanos(request)
    ):
        text = f"default value {default} must equal to defaultRequest value {request} in {name}"
        yield field.invalid(f"{path}.defaultRequest[{name}]", request, text)
