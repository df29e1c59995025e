"""Namespaces.

Source: upstream pkg/registry/core/namespace/strategy.go, pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kprov.kube.apiserver.registry.generic import metadata
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.generic.resource_strategy import STATUS_PATHS, ResourceStrategy, keep_field
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path


class NamespaceStrategy(ResourceStrategy):
    reset_fields: Mapping[str, tuple[Path, ...]] = {"finalize": STATUS_PATHS}
    check_name = staticmethod(names.is_dns1123_label)
    returns_deleted = True

    def default(self, obj: JsonObject) -> None:
        name = obj["metadata"].get("name")
        if name:
            obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
        status: JsonObject = obj.setdefault("status", {})
        status["phase"] = status.get("phase") or "Active"

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        obj["status"] = {"phase": "Active"}
        finalizers: list[str] = obj.setdefault("spec", {}).setdefault("finalizers", [])
        if "kubernetes" not in finalizers:
            finalizers.append("kubernetes")

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """Only /finalize changes the spec, which holds the finalizers."""
        keep_field(obj, old, "status")
        if context.info.subresource != "finalize":
            keep_field(obj, old, "spec")

    def validate(self, obj: JsonObject) -> list[FieldError]:
        """Field rules of a new namespace."""
        return list(validate_finalizers(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        """Field rules of the finalizers, which only /finalize changes."""
        return [] if obj.get("spec") == old.get("spec") else list(validate_finalizers(obj, changed=True))

    def explain_failed_precondition(self, what: str, wanted: str, stored_value: str) -> str:
        return f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {stored_value}"

    def mark_terminating(self, obj: JsonObject) -> bool:
        """Set the phase Terminating. The namespace controller completes the deletion."""
        obj.setdefault("status", {})["phase"] = "Terminating"
        return True

    def is_held(self, obj: JsonObject) -> bool:
        return bool((obj.get("spec") or {}).get("finalizers"))

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        return {"status.phase": (obj.get("status") or {}).get("phase", "")}

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_phase(obj))


def validate_finalizers(obj: JsonObject, *, changed: bool = False) -> Iterator[FieldError]:
    """Field rules of spec.finalizers. changed: an update, whose errors name the index of the finalizer."""
    for index, value in enumerate((obj.get("spec") or {}).get("finalizers") or ()):
        path = f"spec.finalizers[{index}]" if changed else "spec.finalizers"
        for text in names.is_qualified_name(value):
            yield field.invalid(path, value, text)
        yield from metadata.validate_known_finalizer(value, path)


def validate_phase(obj: JsonObject) -> Errors:
    """Refuse a phase that does not fit deletionTimestamp."""
    phase, going = (obj.get("status") or {}).get("phase", ""), "deletionTimestamp" in obj["metadata"]
    if going and phase != "Terminating":
        text = "may only be 'Terminating' if `deletionTimestamp` is not empty"
        yield field.invalid("status.Phase", phase, text)
    if not going and phase != "Active":
        yield field.invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")
