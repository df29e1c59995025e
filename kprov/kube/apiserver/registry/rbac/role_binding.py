"""Role bindings.

Source: upstream pkg/registry/rbac/rolebinding/strategy.go, pkg/apis/rbac/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

RBAC_GROUP: Final = "rbac.authorization.k8s.io"


class RoleBindingStrategy(ResourceStrategy):
    allow_create_on_update = True

    def default(self, obj: JsonObject) -> None:
        reference: JsonObject = obj.setdefault("roleRef", {})
        reference["apiGroup"] = reference.get("apiGroup") or RBAC_GROUP
        for subject in obj.get("subjects") or ():
            if not subject.get("apiGroup") and subject.get("kind") in {"User", "Group"}:
                subject["apiGroup"] = RBAC_GROUP

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return validate_role_binding(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        errors = validate_role_binding(obj)
        if obj["roleRef"] != old["roleRef"]:
            errors += _validate_unchanged_role_ref(obj)
        return errors


def validate_role_binding(obj: JsonObject) -> list[FieldError]:
    """RoleBinding and ClusterRoleBinding."""
    reference = obj["roleRef"]
    errors: list[FieldError] = []
    if reference.get("apiGroup") != RBAC_GROUP:
        errors.append(field.not_supported("roleRef.apiGroup", reference.get("apiGroup", ""), [RBAC_GROUP]))
    kinds = ["ClusterRole"] if obj["kind"] == "ClusterRoleBinding" else ["Role", "ClusterRole"]
    if reference.get("kind") not in kinds:
        errors.append(field.not_supported("roleRef.kind", reference.get("kind", ""), kinds))
    name = reference.get("name", "")
    if not name:
        errors.append(field.required("roleRef.name"))
    else:
        errors += [field.invalid("roleRef.name", name, text) for text in names.is_path_segment_name(name)]
    for index, subject in enumerate(obj.get("subjects") or ()):
        errors += _validate_subject(f"subjects[{index}]", subject, namespaced=obj["kind"] == "RoleBinding")
    return errors


def _validate_subject(path: str, subject: JsonObject, *, namespaced: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    name, kind, group = subject.get("name", ""), subject.get("kind", ""), subject.get("apiGroup", "")
    if not name:
        errors.append(field.required(f"{path}.name"))
    if kind == "ServiceAccount":
        if name:
            errors += [field.invalid(f"{path}.name", name, text) for text in names.is_dns1123_subdomain(name)]
        if group:
            errors.append(field.not_supported(f"{path}.apiGroup", group, [""]))
        if not namespaced and not subject.get("namespace"):
            errors.append(field.required(f"{path}.namespace"))
    elif kind in {"User", "Group"}:
        if group != RBAC_GROUP:
            errors.append(field.not_supported(f"{path}.apiGroup", group, [RBAC_GROUP]))
    else:
        errors.append(field.not_supported(f"{path}.kind", kind, ["ServiceAccount", "User", "Group"]))
    return errors


def _validate_unchanged_role_ref(obj: JsonObject) -> list[FieldError]:
    return [field.invalid("roleRef", obj["roleRef"], "cannot change roleRef")]
