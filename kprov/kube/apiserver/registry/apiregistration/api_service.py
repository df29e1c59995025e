"""API services. The server stores them; it does not proxy to other servers.

Source: upstream kube-aggregator pkg/apis/apiregistration.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_enum,
    check_value,
    enumerate_items,
    require_fields,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import (
    ALL_METADATA,
    METADATA_AND_SPEC_PATHS,
    ResourceStrategy,
)
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path

_STATUSES: Final = ["True", "False", "Unknown"]
_GROUP_PRIORITY_MAX: Final = 20_000
_VERSION_PRIORITY_MAX: Final = 1_000


class ApiServiceStrategy(ResourceStrategy):
    reset_fields: Mapping[str, tuple[Path, ...]] = {"status": METADATA_AND_SPEC_PATHS}
    storage_folder = "apiregistration.k8s.io/apiservices"
    check_name = staticmethod(names.is_path_segment_name)
    requires_known_finalizers = False
    allow_unconditional_update = False
    fixed_in_status_update = ALL_METADATA
    new_status: Mapping[str, Any] | None = {}

    def find_missing_feature(self, obj: JsonObject) -> str:
        return "API aggregation" if obj["spec"].get("service") else ""

    def default(self, obj: JsonObject) -> None:
        service = obj.setdefault("spec", {}).get("service")
        if service is not None and service.get("port") is None:
            service["port"] = 443

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*_validate_api_service(obj["metadata"].get("name", ""), obj["spec"])]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return self.validate(obj)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        errors: list[FieldError] = []
        for where, condition in enumerate_items(obj["status"].get("conditions"), "status.conditions"):
            errors += check_enum(condition.get("status") or "", f"{where}.status", _STATUSES)
        return errors


def _validate_api_service(name: str, spec: JsonObject) -> Errors:
    group, version = spec.get("group", ""), spec.get("version", "")
    wanted = f"{version}.{group}"
    if name != wanted:
        text = f'must be `spec.version+"."+spec.group`: "{wanted}"'
        yield field.invalid("metadata.name", name, text)
    if group:
        yield from check_value(group, "spec.group", names.is_dns1123_subdomain)
    elif version != "v1":
        yield field.required("spec.group", "only v1 may have an empty group and it better be legacy kube")
    yield from check_value(version, "spec.version", names.is_dns1035_label)
    for part, limit in (
        ("groupPriorityMinimum", _GROUP_PRIORITY_MAX),
        ("versionPriority", _VERSION_PRIORITY_MAX),
    ):
        value = spec.get(part, 0)
        if not 0 < value <= limit:
            yield field.invalid(f"spec.{part}", value, f"must be positive and less than {limit}")
    service = spec.get("service")
    yield from _validate_local(spec) if service is None else _validate_service(service, spec)


def _validate_local(spec: JsonObject) -> Errors:
    if spec.get("caBundle"):
        size = len(base64.b64decode(spec["caBundle"]))
        yield field.invalid("spec.caBundle", f"{size} bytes", "local APIServices may not have a caBundle")
    if spec.get("insecureSkipTLSVerify"):
        text = "local APIServices may not have insecureSkipTLSVerify"
        yield field.invalid("spec.insecureSkipTLSVerify", True, text)


def _validate_service(service: JsonObject, spec: JsonObject) -> Errors:
    yield from require_fields(service, "spec.service", "namespace", "name")
    port = service["port"]
    if not 1 <= port <= 65535:
        text = "port is not valid: must be between 1 and 65535, inclusive"
        yield field.invalid("spec.service.port", port, text)
    if spec.get("insecureSkipTLSVerify") and spec.get("caBundle"):
        text = "may not be true if caBundle is present"
        yield field.invalid("spec.insecureSkipTLSVerify", True, text)
