"""Role bindings.

Source: upstream pkg/registry/rbac/rolebinding/strategy.go, pkg/apis/rbac/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_required_field,
    check_value,
    enumerate_items,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

RBAC_GROUP: Final = "rbac.authorization.k8s.io"


class RoleBindingStrategy(ResourceStrategy):
    allow_create_on_update = True
    check_name = staticmethod(names.is_path_segment_name)
    #: Kinds that roleRef may name.
    role_kinds: tuple[str, ...] = ("Role", "ClusterRole")

    def default(self, obj: JsonObject) -> None:
        reference: JsonObject = obj.setdefault("roleRef", {})
        reference["apiGroup"] = reference.get("apiGroup") or RBAC_GROUP
        for subject in obj.get("subjects") or ():
            if not subject.get("apiGroup") and subject.get("kind") in {"User", "Group"}:
                subject["apiGroup"] = RBAC_GROUP

    def validate(self, obj: JsonObject) -> list[FieldError]:
        errors = [*_validate_role_ref(obj["roleRef"], self.role_kinds)]
        for path, subject in enumerate_items(obj.get("subjects"), "subjects"):
            errors += _validate_subject(path, subject, namespaced=self.resource.namespaced)
        return errors

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        errors = self.validate(obj)
        if obj["roleRef"] != old["roleRef"]:
            errors.append(field.invalid("roleRef", obj["roleRef"], "cannot change roleRef"))
        return errors


def _validate_role_ref(reference: JsonObject, kinds: Sequence[str]) -> Errors:
    if reference.get("apiGroup") != RBAC_GROUP:
        yield field.not_supported("roleRef.apiGroup", reference.get("apiGroup", ""), [RBAC_GROUP])
    if reference.get("kind") not in kinds:
        yield field.not_supported("roleRef.kind", reference.get("kind", ""), kinds)
    yield from check_required_field(reference, "roleRef", "name", names.is_path_segment_name)


def _validate_subject(path: str, subject: JsonObject, *, namespaced: bool) -> Errors:
    name, kind, group = subject.get("name", ""), subject.get("kind", ""), subject.get("apiGroup", "")
    if not name:
        yield field.required(f"{path}.name")
    if kind == "ServiceAccount":
        if name:
            yield from check_value(name, f"{path}.name", names.is_dns1123_subdomain)
        if group:
            yield field.not_supported(f"{path}.apiGroup", group, [""])
        if not namespaced and not subject.get("namespace"):
            yield field.required(f"{path}.namespace")
    elif kind in {"User", "Group"}:
        if group != RBAC_GROUP:
            yield field.not_supported(f"{path}.apiGroup", group, [RBAC_GROUP])
    else:
        yield field.not_supported(f"{path}.kind", kind, ["ServiceAccount", "User", "Group"])
