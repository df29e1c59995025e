"""Roles.

Source: upstream pkg/registry/rbac/role/strategy.go, pkg/apis/rbac/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.rbac.policy_rules import validate_policy_rules
from kprov.kube.machinery import names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class RoleStrategy(ResourceStrategy):
    allow_create_on_update = True
    check_name = staticmethod(names.is_path_segment_name)

    def default(self, obj: JsonObject) -> None:
        obj.setdefault("rules", [])

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*validate_policy_rules(obj, namespaced=True)]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return self.validate(obj)
