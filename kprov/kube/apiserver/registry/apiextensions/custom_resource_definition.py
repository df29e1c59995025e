"""Custom resource definitions. The server stores them; it does not serve custom resources.

Source: upstream apiextensions-apiserver pkg/apis/apiextensions.
"""

from __future__ import annotations

from collections.abc import Sequence

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_required_enum,
    check_value,
    require_fields,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class CustomResourceDefinitionStrategy(ResourceStrategy):
    storage_folder = "apiextensions.k8s.io/customresourcedefinitions"
    requires_known_finalizers = False
    has_generation = True
    allow_unconditional_update = False

    def find_missing_feature(self, obj: JsonObject) -> str:
        return "custom resources"

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*_validate_names(obj["status"].get("acceptedNames") or {}, "status.acceptedNames")]

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        held: JsonObject = spec.setdefault("names", {})
        kind = held.get("kind", "")
        if kind:
            held["singular"] = held.get("singular") or kind.lower()
            held["listKind"] = held.get("listKind") or f"{kind}List"
        if spec.get("conversion") is None:
            spec["conversion"] = {"strategy": "None"}
        status = obj.get("status")
        if status is not None and not status.get("storedVersions"):
            status["storedVersions"] = _find_storage_version(spec)

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        obj["status"] = {
            "conditions": None,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": _find_storage_version(obj["spec"]),
        }

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        stored: list[str] = (obj.get("status") or {}).get("storedVersions") or []
        new = [version for version in _find_storage_version(obj["spec"]) if version not in stored]
        if new:
            obj["status"] = {**(obj.get("status") or {}), "storedVersions": [*stored, *new]}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*_validate_definition(obj)]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        errors = [*_validate_definition(obj)]
        for path, new, before in (
            ("spec.group", obj["spec"].get("group"), old["spec"].get("group")),
            ("spec.names.plural", obj["spec"]["names"].get("plural"), old["spec"]["names"].get("plural")),
        ):
            if new != before:
                errors.append(field.invalid(path, new, "field is immutable"))
        return errors


def _find_storage_version(spec: JsonObject) -> list[str]:
    """The storage version of the definition, as a list of one name; empty if there is none."""
    return [each.get("name", "") for each in spec.get("versions") or () if each.get("storage")][:1]


def _validate_definition(obj: JsonObject) -> Errors:
    name, spec = obj["metadata"].get("name", ""), obj["spec"]
    group, held = spec.get("group", ""), spec["names"]
    if name != f"{held.get('plural', '')}.{group}":
        yield field.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    if not group:
        yield field.required("spec.group")
    else:
        yield from check_value(group, "spec.group", names.is_dns1123_subdomain)
        if "." not in group:
            yield field.invalid("spec.group", group, "should be a domain with at least one dot")
    yield from check_required_enum(spec.get("scope"), "spec.scope", ["Cluster", "Namespaced"])
    yield from _validate_versions(spec)
    yield from require_fields(held, "spec.names", "plural", "singular", "kind", "listKind")
    yield from _validate_names(held, "spec.names")
    if "status" in obj and not obj["status"].get("storedVersions"):
        text = "must have at least one stored version"
        yield field.invalid("status.storedVersions", None, text)


def _validate_names(held: JsonObject, path: str) -> Errors:
    """Field rules of spec.names and of status.acceptedNames, where some names may be empty."""
    for part in ("plural", "singular", "kind", "listKind"):
        text = held.get(part) or ""
        is_kind = part in {"kind", "listKind"}
        faults = names.is_dns1035_label(text.lower() if is_kind else text) if text else []
        if faults:
            told = "may have mixed case, but should otherwise match: " if is_kind else ""
            yield field.invalid(f"{path}.{part}", text, told + ",".join(faults))
    yield from _validate_dns_labels(held.get("shortNames"), f"{path}.shortNames")
    if held.get("kind") and held.get("kind") == held.get("listKind"):
        text = "kind and listKind may not be the same"
        yield field.invalid(f"{path}.listKind", held["listKind"], text)
    yield from _validate_dns_labels(held.get("categories"), f"{path}.categories")


def _validate_dns_labels(values: Sequence[str] | None, path: str) -> Errors:
    for index, value in enumerate(values or ()):
        if faults := names.is_dns1035_label(value):
            yield field.invalid(f"{path}[{index}]", value, ",".join(faults))


def _validate_versions(spec: JsonObject) -> Errors:
    versions = spec.get("versions") or []
    seen: set[str] = set()
    for index, version in enumerate(versions):
        path, name = f"spec.versions[{index}]", version.get("name", "")
        for fault in names.is_dns1035_label(name):
            yield field.invalid(f"{path}.name", name, fault)
        if name in seen:
            yield field.invalid("spec.versions", name, "must contain unique version names")
        seen.add(name)
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            yield field.required(f"{path}.schema.openAPIV3Schema", "schemas are required")
    if sum(bool(each.get("storage")) for each in versions) != 1:
        text = "must have exactly one version marked as storage version"
        yield field.invalid("spec.versions", versions, text)
