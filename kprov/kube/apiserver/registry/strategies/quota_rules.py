"""Resource quotas and limit ranges.

Source: upstream pkg/apis/core/validation/validation.go (ValidateResourceQuota, ValidateLimitRange).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, each, nanos
from kprov.kube.apiserver.registry.podspec.resources import (
    container_resource_name,
    is_native,
    is_standard,
    quantity_value,
    resource_name,
)
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

_PAIRS: Final = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_EXISTS_ONLY: Final = {*(scope for pair in _PAIRS for scope in pair), "CrossNamespacePodAffinity"}
_SCOPES: Final = {*_EXISTS_ONLY, "PriorityClass", "VolumeAttributesClass"}
_ONLY_EXISTS_TEXT: Final = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
    "ResourceQuotaScopeCrossNamespacePodAffinity"
)
_POD_RESOURCES: Final = {
    *(f"{part}{name}" for part in ("", "requests.", "limits.") for name in ("cpu", "memory")),
    "pods",
}
_LIMIT_TYPES: Final = {"Pod", "Container", "PersistentVolumeClaim"}
_UNSUPPORTED: Final = "unsupported scope applied to resource"


def quota(obj: JsonObject) -> Errors:
    spec = obj["spec"]
    for name, amount in (spec.get("hard") or {}).items():
        yield from quota_amount(name, amount, f"spec.hard[{name}]")
    yield from _scopes(spec, "spec.scopes")
    if spec.get("scopeSelector") is not None:
        yield from _scope_selector(spec, "spec.scopeSelector.matchExpressions")


def quota_amount(name: str, amount: str, path: str) -> Errors:
    yield from resource_name(name, path)
    # What claims ask for together is requests.storage.
    if "/" not in name and (name == "storage" or not is_standard(name)):
        yield field.invalid(path, name, "must be a standard resource for quota")
    yield from quantity_value(name, amount, path)


def _fits(scope: str, name: str) -> bool:
    """Whether a scope says anything of a resource; names that are not of Kubernetes are not asked."""
    if not is_standard(name):
        return True
    if scope == "BestEffort":
        return name == "pods"
    if scope == "VolumeAttributesClass":
        return name in {"persistentvolumeclaims", "requests.storage"}
    return scope not in _SCOPES or name in _POD_RESOURCES


def _scopes(spec: JsonObject, path: str) -> Errors:
    scopes = spec.get("scopes") or []
    for scope in scopes:
        if scope not in _SCOPES:
            yield field.invalid(path, scopes, "unsupported scope")
        for name in sorted(spec.get("hard") or ()):
            if not _fits(scope, name):
                yield field.invalid(path, scopes, _UNSUPPORTED)
    yield from _conflicts(set(scopes), spec, path)


def _conflicts(scopes: set[str], spec: JsonObject, path: str) -> Errors:
    for pair in _PAIRS:
        if scopes.issuperset(pair):
            yield field.invalid(path, spec.get("scopes"), "conflicting scopes")


def _scope_selector(spec: JsonObject, path: str) -> Errors:
    seen: set[str] = set()
    for need in spec["scopeSelector"].get("matchExpressions") or ():
        scope, operator, values = need.get("scopeName", ""), need.get("operator", ""), need.get("values")
        if scope not in _SCOPES:
            yield field.invalid(f"{path}.scopeName", scope, "unsupported scope")
        for name in sorted(spec.get("hard") or ()):
            if not _fits(scope, name):
                yield field.invalid(path, spec["scopeSelector"], _UNSUPPORTED)
        if scope in _EXISTS_ONLY and operator != "Exists":
            yield field.invalid(f"{path}.operator", operator, _ONLY_EXISTS_TEXT)
        if operator in {"In", "NotIn"}:
            if not values:
                text = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                yield field.required(f"{path}.values", text)
        elif operator in {"Exists", "DoesNotExist"}:
            if values:
                text = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                yield field.invalid(f"{path}.values", values, text)
        else:
            yield field.invalid(f"{path}.operator", operator, "not a valid selector operator")
        seen.add(scope)
    yield from _conflicts(seen, spec, path)


def quota_update(obj: JsonObject, old: JsonObject) -> Errors:
    yield from quota(obj)
    scopes = obj["spec"].get("scopes") or []
    if set(scopes) != set(old["spec"].get("scopes") or ()):
        yield field.invalid("spec.scopes", obj["spec"].get("scopes"), checks.IMMUTABLE)


def quota_status(obj: JsonObject) -> Errors:
    for part in ("hard", "used"):
        for name, amount in ((obj.get("status") or {}).get(part) or {}).items():
            yield from quota_amount(name, amount, f"status.{part}[{name}]")


def limit_range(obj: JsonObject) -> Errors:
    seen: set[str] = set()
    for where, limit in each(obj["spec"].get("limits"), "spec.limits"):
        kind = limit.get("type", "")
        wrong = list(checks.named(kind, f"{where}.type", names.is_qualified_name))
        yield from wrong
        if not wrong and "/" not in kind and kind not in _LIMIT_TYPES:
            yield field.invalid(f"{where}.type", kind, "must be a standard limit type or fully qualified")
        if kind in seen:
            yield field.duplicate(f"{where}.type", kind)
        seen.add(kind)
        yield from _limit(limit, kind, where)


def _limit(limit: JsonObject, kind: str, path: str) -> Errors:
    check = container_resource_name if kind in {"Pod", "Container"} else resource_name
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
        yield from _ordered(limit, kind, name, path)


def _ordered(limit: JsonObject, kind: str, name: str, path: str) -> Errors:
    """Least, default and most of one resource, in that order."""
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
        if low is not None and high is not None and nanos(low) > nanos(high):
            yield field.invalid(f"{path}.{part}[{name}]", shown, text.format(low, high))
    ratio, where = (limit.get("maxLimitRequestRatio") or {}).get(name), f"{path}.maxLimitRequestRatio[{name}]"
    if ratio is not None and nanos(ratio) < 10**9:
        yield field.invalid(where, ratio, f"ratio {ratio} is less than 1")
    if ratio is not None and least is not None and most is not None:
        divisor = Quantity.parse(least).milli_value
        bound = Quantity.parse(most).milli_value / divisor if divisor else float("inf")
        if Quantity.parse(ratio).milli_value / 1000 > bound:
            yield field.invalid(where, ratio, f"ratio {ratio} is greater than max/min = {bound:f}")
    overcommit = is_native(name) and not name.startswith("hugepages-")
    if not overcommit and default is not None and request is not None and nanos(default) != nanos(request):
        text = f"default value {default} must equal to defaultRequest value {request} in {name}"
        yield field.invalid(f"{path}.defaultRequest[{name}]", request, text)
