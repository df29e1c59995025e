"""Resource quotas.

Source: upstream pkg/registry/core/resourcequota/strategy.go,
pkg/apis/core/validation/validation.go (ValidateResourceQuota).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec.resources import check_quantity, check_resource_name, is_standard
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_EXCLUSIVE_SCOPES: Final = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_EXISTS_ONLY: Final = {*(scope for pair in _EXCLUSIVE_SCOPES for scope in pair), "CrossNamespacePodAffinity"}
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
_UNSUPPORTED: Final = "unsupported scope applied to resource"


class ResourceQuotaStrategy(ResourceStrategy):
    returns_deleted = True
    new_status: Mapping[str, Any] | None = {}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_quota(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_quota_update(obj, old))

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_quota_status(obj))


def validate_quota(obj: JsonObject) -> Errors:
    spec = obj["spec"]
    for name, amount in (spec.get("hard") or {}).items():
        yield from _validate_amount(name, amount, f"spec.hard[{name}]")
    yield from _validate_scopes(spec, "spec.scopes")
    if spec.get("scopeSelector") is not None:
        yield from _validate_scope_selector(spec, "spec.scopeSelector.matchExpressions")


def _validate_amount(name: str, amount: str, path: str) -> Errors:
    yield from check_resource_name(name, path)
    # The storage of all claims is requests.storage.
    if "/" not in name and (name == "storage" or not is_standard(name)):
        yield field.invalid(path, name, "must be a standard resource for quota")
    yield from check_quantity(name, amount, path)


def _is_scope_for(scope: str, name: str) -> bool:
    """Whether a scope applies to a resource. Resources with a domain are not checked."""
    if not is_standard(name):
        return True
    if scope == "BestEffort":
        return name == "pods"
    if scope == "VolumeAttributesClass":
        return name in {"persistentvolumeclaims", "requests.storage"}
    return scope not in _SCOPES or name in _POD_RESOURCES


def _validate_scopes(spec: JsonObject, path: str) -> Errors:
    scopes = spec.get("scopes") or []
    for scope in scopes:
        if scope not in _SCOPES:
            yield field.invalid(path, scopes, "unsupported scope")
        for name in sorted(spec.get("hard") or ()):
            if not _is_scope_for(scope, name):
                yield field.invalid(path, scopes, _UNSUPPORTED)
    yield from _validate_exclusive_scopes(set(scopes), spec, path)


def _validate_exclusive_scopes(scopes: set[str], spec: JsonObject, path: str) -> Errors:
    for pair in _EXCLUSIVE_SCOPES:
        if scopes.issuperset(pair):
            yield field.invalid(path, spec.get("scopes"), "conflicting scopes")


def _validate_scope_selector(spec: JsonObject, path: str) -> Errors:
    seen: set[str] = set()
    for need in spec["scopeSelector"].get("matchExpressions") or ():
        scope, operator, values = need.get("scopeName", ""), need.get("operator", ""), need.get("values")
        if scope not in _SCOPES:
            yield field.invalid(f"{path}.scopeName", scope, "unsupported scope")
        for name in sorted(spec.get("hard") or ()):
            if not _is_scope_for(scope, name):
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
    yield from _validate_exclusive_scopes(seen, spec, path)


def validate_quota_update(obj: JsonObject, old: JsonObject) -> Errors:
    yield from validate_quota(obj)
    scopes = obj["spec"].get("scopes") or []
    if set(scopes) != set(old["spec"].get("scopes") or ()):
        yield field.invalid("spec.scopes", obj["spec"].get("scopes"), checks.IMMUTABLE)


def validate_quota_status(obj: JsonObject) -> Errors:
    for part in ("hard", "used"):
        for name, amount in ((obj.get("status") or {}).get(part) or {}).items():
            yield from _validate_amount(name, amount, f"status.{part}[{name}]")
