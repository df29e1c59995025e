"""Custom resource definitions.

Source: upstream apiextensions-apiserver pkg/apis/apiextensions.
"""

from __future__ import annotations

from collections.abc import Iterator

from kprov.kube.apiserver.registry.apiextensions import definition_state
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition import validation
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.internal_form import (
    build_internal_spec,
    list_schemas,
)
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.schema_walk import iterate_schemas
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema.custom.structural import is_known_format
from kprov.kube.machinery.status import quoted


class CustomResourceDefinitionStrategy(ResourceStrategy):
    storage_folder = "apiextensions.k8s.io/customresourcedefinitions"
    requires_known_finalizers = False
    has_generation = True
    allow_unconditional_update = False
    missing_effect = "is served without them"

    def find_missing_feature(self, obj: JsonObject) -> str:
        """Return what is accepted but not enforced, for the warning."""
        if (obj["spec"].get("conversion") or {}).get("strategy") == "Webhook":
            return "the conversion of custom resources by webhook"
        return ""

    def mark_terminating(self, obj: JsonObject) -> bool:
        """Add the finalizer that removes all objects. Source: customresourcedefinition/etcd.go (Delete)."""
        metadata, status = obj["metadata"], obj.setdefault("status", {})
        finalizers = metadata.get("finalizers") or []
        if definition_state.FINALIZER not in finalizers:
            metadata["finalizers"] = [*finalizers, definition_state.FINALIZER]
        definition_state.set_condition(
            status,
            definition_state.TERMINATING,
            "True",
            "InstanceDeletionPending",
            "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        )
        return True

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*validation.check_names(obj["status"].get("acceptedNames") or {}, "status.acceptedNames")]

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        held: JsonObject = spec.setdefault("names", {})
        kind = held.get("kind", "")
        if kind:
            held["singular"] = held.get("singular") or kind.lower()
            held["listKind"] = held.get("listKind") or f"{kind}List"
        if spec.get("conversion") is None:
            spec["conversion"] = {"strategy": "None"}
        webhook = spec["conversion"].get("webhook") or {}
        service = (webhook.get("clientConfig") or {}).get("service")
        if service is not None and service.get("port") is None:
            service["port"] = 443
        status = obj.get("status")
        if status is not None and not status.get("storedVersions"):
            status["storedVersions"] = _find_storage_version(spec)

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        known = set() if old is None else set(_list_unknown_formats(old["spec"]))
        formats = (form for form in _list_unknown_formats(obj["spec"]) if form not in known)
        return [f"unrecognized format {quoted(form)}" for form in dict.fromkeys(formats)]

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
        return validation.validate(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return validation.validate_update(obj, old)


def _find_storage_version(spec: JsonObject) -> list[str]:
    """Return the storage version of the definition, as a list of one name; empty if there is none."""
    return [version.get("name", "") for version in spec.get("versions") or () if version.get("storage")][:1]


def _list_unknown_formats(spec: JsonObject) -> Iterator[str]:
    """Yield the formats that validation ignores."""
    for schema in list_schemas(build_internal_spec(spec)):
        for part in iterate_schemas(schema):
            form = part.get("format")
            if form and not is_known_format(part.get("type") or "", form):
                yield form
