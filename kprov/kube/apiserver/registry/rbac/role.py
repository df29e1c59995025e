"""Roles.

Source: upstream pkg/registry/rbac/role/strategy.go, pkg/apis/rbac/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class RoleStrategy(ResourceStrategy):
    allow_create_on_update = True

    def default(self, obj: JsonObject) -> None:
        obj.setdefault("rules", [])

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return validate_role(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return validate_role(obj, old)


def validate_role(obj: JsonObject, old: JsonObject | None = None) -> list[FieldError]:
    """Role and ClusterRole."""
    errors: list[FieldError] = []
    for index, rule in enumerate(obj.get("rules") or ()):
        path = f"rules[{index}]"
        if not rule.get("verbs"):
            errors.append(field.required(f"{path}.verbs", "verbs must contain at least one value"))
        urls = rule.get("nonResourceURLs")
        if urls:
            where = f"{path}.nonResourceURLs"
            if obj["kind"] == "Role":
                text = "namespaced rules cannot apply to non-resource URLs"
                errors.append(field.invalid(where, urls, text))
            if any(rule.get(name) for name in ("apiGroups", "resources", "resourceNames")):
                text = "rules cannot apply to both regular resources and non-resource URLs"
                errors.append(field.invalid(where, urls, text))
            continue
        if not rule.get("apiGroups"):
            text = "resource rules must supply at least one api group"
            errors.append(field.required(f"{path}.apiGroups", text))
        if not rule.get("resources"):
            text = "resource rules must supply at least one resource"
            errors.append(field.required(f"{path}.resources", text))
    aggregation = obj.get("aggregationRule")
    if aggregation is not None and not aggregation.get("clusterRoleSelectors"):
        text = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        errors.append(field.required("aggregationRule.clusterRoleSelectors", text))
    selectors = (aggregation or {}).get("clusterRoleSelectors")
    before = ((old or {}).get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
    keeps = any(checks.is_invalid_selector(selector) for selector in before)
    for path, selector in checks.enumerate_items(selectors, "aggregationRule.clusterRoleSelectors"):
        errors += checks.check_label_selector(selector, path, any_values=keeps)
        if checks.is_invalid_selector(selector):
            # Upstream shows what it could not make of it.
            errors.append(field.invalid(path, None, "invalid label selector."))
    return errors
