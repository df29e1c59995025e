"""Cluster roles, with the aggregation of others.

Source: upstream pkg/registry/rbac/clusterrole/strategy.go, pkg/apis/rbac/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.rbac.policy_rules import validate_policy_rules
from kprov.kube.apiserver.registry.rbac.role import RoleStrategy
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class ClusterRoleStrategy(RoleStrategy):
    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*validate_policy_rules(obj, namespaced=False), *_validate_aggregation(obj, None)]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*validate_policy_rules(obj, namespaced=False), *_validate_aggregation(obj, old)]


def _validate_aggregation(obj: JsonObject, old: JsonObject | None) -> Errors:
    """old: the object before an update; if it has an invalid selector, label values are not checked."""
    aggregation, path = obj.get("aggregationRule"), "aggregationRule.clusterRoleSelectors"
    if aggregation is None:
        return
    if not aggregation.get("clusterRoleSelectors"):
        text = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        yield field.required(path, text)
    before = ((old or {}).get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
    any_values = any(checks.is_invalid_selector(selector) for selector in before)
    for where, selector in checks.enumerate_items(aggregation.get("clusterRoleSelectors"), path):
        yield from checks.check_label_selector(selector, where, any_values=any_values)
        if checks.is_invalid_selector(selector):
            # Upstream shows the result of its conversion here, which is nil.
            yield field.invalid(where, None, "invalid label selector.")
