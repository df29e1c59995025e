"""Certificate signing requests. The spec never changes. Only conditions and the certificate do.

Source: upstream pkg/registry/certificates/certificates/strategy.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.certificates.certificate_signing_request.conditions import (
    keep_decisions,
    set_condition_times,
    validate_condition_changes,
    validate_conditions,
)
from kprov.kube.apiserver.registry.certificates.certificate_signing_request.validation import (
    find_certificate_problem,
    validate_spec,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import (
    SPEC_PATHS,
    STATUS_PATHS,
    ResourceStrategy,
    keep_field,
)
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path


class CertificateSigningRequestStrategy(ResourceStrategy):
    reset_fields: Mapping[str, tuple[Path, ...]] = {
        "": (*SPEC_PATHS, *STATUS_PATHS),
        "status": (*SPEC_PATHS, ("f:status", "f:conditions")),
        "approval": (*SPEC_PATHS, ("f:status", "f:certificate")),
    }
    new_status: Mapping[str, Any] | None = {}

    def default(self, obj: JsonObject) -> None:
        obj.setdefault("spec", {})

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        """Write the requesting user into the spec, so that a signer can trust it."""
        super().prepare_for_create(context, obj)
        spec = obj["spec"]
        for name in ("username", "uid", "groups", "extra"):
            spec.pop(name, None)
        spec.update(context.user.to_document())

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        keep_field(obj, old, "spec")
        keep_field(obj, old, "status")

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        keep_field(obj, old, "spec")
        keep_decisions(obj, old)
        set_condition_times(obj, old)

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        return {"spec.signerName": (obj.get("spec") or {}).get("signerName", "")}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return validate_spec(obj["spec"]) + validate_conditions(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return validate_condition_changes(obj, old, decides=False)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        errors = validate_conditions(obj)
        new, before = ((request.get("status") or {}).get("certificate") for request in (obj, old))
        if new and (text := find_certificate_problem(new)):
            errors.append(field.invalid("status.certificate", "<certificate data>", text))
        errors += validate_condition_changes(obj, old, decides=False)
        if before and new != before:
            text = "updates may not modify existing certificate content"
            errors.append(field.forbidden("status.certificate", text))
        return errors
