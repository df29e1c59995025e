"""Policy rules of roles and cluster roles.

Source: upstream pkg/apis/rbac/validation/validation.go (ValidatePolicyRule).
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject


def validate_policy_rules(obj: JsonObject, *, namespaced: bool) -> Errors:
    """Field rules of `rules`. namespaced: non-resource URLs are refused."""
    for path, rule in enumerate_items(obj.get("rules"), "rules"):
        if not rule.get("verbs"):
            yield field.required(f"{path}.verbs", "verbs must contain at least one value")
        if rule.get("nonResourceURLs"):
            yield from _validate_non_resource_rule(rule, path, namespaced=namespaced)
            continue
        if not rule.get("apiGroups"):
            yield field.required(f"{path}.apiGroups", "resource rules must supply at least one api group")
        if not rule.get("resources"):
            yield field.required(f"{path}.resources", "resource rules must supply at least one resource")


def _validate_non_resource_rule(rule: JsonObject, path: str, *, namespaced: bool) -> Errors:
    urls, path = rule["nonResourceURLs"], f"{path}.nonResourceURLs"
    if namespaced:
        yield field.invalid(path, urls, "namespaced rules cannot apply to non-resource URLs")
    if any(rule.get(name) for name in ("apiGroups", "resources", "resourceNames")):
        text = "rules cannot apply to both regular resources and non-resource URLs"
        yield field.invalid(path, urls, text)
