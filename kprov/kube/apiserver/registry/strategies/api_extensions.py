"""API services and custom resource definitions, as objects: defaults and field rules.

What serves custom resources, and what proxies to API services, is another matter.
Source: upstream kube-aggregator pkg/apis/apiregistration, apiextensions-apiserver pkg/apis/apiextensions.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    each,
    named,
    one_of,
    one_of_required,
    required,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import ALL_METADATA, ResourceStrategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_STATUSES: Final = ["True", "False", "Unknown"]
_GROUP_PRIORITY_MAX: Final = 20_000
_VERSION_PRIORITY_MAX: Final = 1_000


class ApiServiceStrategy(ResourceStrategy):
    allow_unconditional_update = False
    status_keeps = ALL_METADATA
    new_status: Mapping[str, Any] | None = {}

    def missing_feature(self, obj: JsonObject) -> str:
        return "API aggregation" if obj["spec"].get("service") else ""

    def default(self, obj: JsonObject) -> None:
        service = obj.setdefault("spec", {}).get("service")
        if service is not None and service.get("port") is None:
            service["port"] = 443

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*_api_service(obj["metadata"].get("name", ""), obj["spec"])]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return self.validate(obj)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        found: list[FieldError] = []
        for where, condition in each(obj["status"].get("conditions"), "status.conditions"):
            found += one_of(condition.get("status") or "", f"{where}.status", _STATUSES)
        return found


class CustomResourceDefinitionStrategy(ResourceStrategy):
    has_generation = True
    allow_unconditional_update = False

    def missing_feature(self, obj: JsonObject) -> str:
        return "custom resources"

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*_names(obj["status"].get("acceptedNames") or {}, "status.acceptedNames")]

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
            status["storedVersions"] = _storage_version(spec)

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        obj["status"] = {
            "conditions": None,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": _storage_version(obj["spec"]),
        }

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        stored: list[str] = (obj.get("status") or {}).get("storedVersions") or []
        new = [version for version in _storage_version(obj["spec"]) if version not in stored]
        if new:
            obj["status"] = {**(obj.get("status") or {}), "storedVersions": [*stored, *new]}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*_definition(obj)]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        errors = [*_definition(obj)]
        for path, new, before in (
            ("spec.group", obj["spec"].get("group"), old["spec"].get("group")),
            ("spec.names.plural", obj["spec"]["names"].get("plural"), old["spec"]["names"].get("plural")),
        ):
            if new != before:
                errors.append(field.invalid(path, new, "field is immutable"))
        return errors


def _storage_version(spec: JsonObject) -> list[str]:
    """What objects are stored in from now on: none or one."""
    return [each.get("name", "") for each in spec.get("versions") or () if each.get("storage")][:1]


def _api_service(name: str, spec: JsonObject) -> Errors:
    group, version = spec.get("group", ""), spec.get("version", "")
    wanted = f"{version}.{group}"
    if name != wanted:
        text = f'must be `spec.version+"."+spec.group`: "{wanted}"'
        yield field.invalid("metadata.name", name, text)
    if group:
        yield from named(group, "spec.group", names.is_dns1123_subdomain)
    elif version != "v1":
        yield field.required("spec.group", "only v1 may have an empty group and it better be legacy kube")
    yield from named(version, "spec.version", names.is_dns1035_label)
    for part, limit in (
        ("groupPriorityMinimum", _GROUP_PRIORITY_MAX),
        ("versionPriority", _VERSION_PRIORITY_MAX),
    ):
        value = spec.get(part, 0)
        if not 0 < value <= limit:
            yield field.invalid(f"spec.{part}", value, f"must be positive and less than {limit}")
    service = spec.get("service")
    if service is None:
        if spec.get("caBundle"):
            size = len(base64.b64decode(spec["caBundle"]))
            yield field.invalid("spec.caBundle", f"{size} bytes", "local APIServices may not have a caBundle")
        if spec.get("insecureSkipTLSVerify"):
            text = "local APIServices may not have insecureSkipTLSVerify"
            yield field.invalid("spec.insecureSkipTLSVerify", True, text)
        return
    yield from required(service, "spec.service", "namespace", "name")
    port = service["port"]
    if not 1 <= port <= 65535:
        text = "port is not valid: must be between 1 and 65535, inclusive"
        yield field.invalid("spec.service.port", port, text)
    if spec.get("insecureSkipTLSVerify") and spec.get("caBundle"):
        text = "may not be true if caBundle is present"
        yield field.invalid("spec.insecureSkipTLSVerify", True, text)


def _definition(obj: JsonObject) -> Errors:
    name, spec = obj["metadata"].get("name", ""), obj["spec"]
    group, held = spec.get("group", ""), spec["names"]
    if name != f"{held.get('plural', '')}.{group}":
        yield field.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    if not group:
        yield field.required("spec.group")
    else:
        yield from named(group, "spec.group", names.is_dns1123_subdomain)
        if "." not in group:
            yield field.invalid("spec.group", group, "should be a domain with at least one dot")
    yield from one_of_required(spec.get("scope"), "spec.scope", ["Cluster", "Namespaced"])
    yield from _versions(spec)
    yield from required(held, "spec.names", "plural", "singular", "kind", "listKind")
    yield from _names(held, "spec.names")
    if "status" in obj and not obj["status"].get("storedVersions"):
        text = "must have at least one stored version"
        yield field.invalid("status.storedVersions", None, text)


def _names(held: JsonObject, path: str) -> Errors:
    """Of a definition, and those that its status says were accepted: there, some may be empty."""
    for part in ("plural", "singular", "kind", "listKind"):
        text = held.get(part) or ""
        is_kind = part in {"kind", "listKind"}
        faults = names.is_dns1035_label(text.lower() if is_kind else text) if text else []
        if faults:
            told = "may have mixed case, but should otherwise match: " if is_kind else ""
            yield field.invalid(f"{path}.{part}", text, told + ",".join(faults))
    yield from _labels(held.get("shortNames"), f"{path}.shortNames")
    if held.get("kind") and held.get("kind") == held.get("listKind"):
        text = "kind and listKind may not be the same"
        yield field.invalid(f"{path}.listKind", held["listKind"], text)
    yield from _labels(held.get("categories"), f"{path}.categories")


def _labels(values: Sequence[str] | None, path: str) -> Errors:
    for index, value in enumerate(values or ()):
        if faults := names.is_dns1035_label(value):
            yield field.invalid(f"{path}[{index}]", value, ",".join(faults))


def _versions(spec: JsonObject) -> Errors:
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
