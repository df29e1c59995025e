"""Validating admission policies.

Source: upstream pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kprov.kube.apiserver.registry.admissionregistration.admission_policy import AdmissionPolicyStrategy
from kprov.kube.apiserver.registry.admissionregistration.cel import NO_EXPRESSION, check_expression
from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_enum,
    check_value,
    enumerate_items,
    require_fields,
)
from kprov.kube.apiserver.registry.generic.conditions import validate_conditions
from kprov.kube.apiserver.registry.generic.resource_strategy import METADATA_AND_SPEC_PATHS
from kprov.kube.component_helpers.cel.policy_expressions import (
    AUDIT_VALUE,
    BOOL,
    MESSAGE,
    ExpressionChecker,
)
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path

_REASONS: Final = ["Forbidden", "Invalid", "RequestEntityTooLarge"]
_AUDIT_ANNOTATIONS_MAX: Final = 20
_VALUE_EXPRESSION_MAX: Final = 5 * 1024


class ValidatingAdmissionPolicyStrategy(AdmissionPolicyStrategy):
    new_status: Mapping[str, Any] | None = {}
    compiles_expressions = True
    reset_fields: Mapping[str, tuple[Path, ...]] = {"status": METADATA_AND_SPEC_PATHS}

    def validate_own_fields(self, obj: JsonObject, checker: ExpressionChecker) -> Errors:
        yield from _validate_validations(obj["spec"], obj["metadata"].get("name") or "", checker)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*_validate_status(obj["status"])]


def _validate_status(status: JsonObject) -> Errors:
    warnings = (status.get("typeChecking") or {}).get("expressionWarnings")
    for where, warning in enumerate_items(warnings, "status.typeChecking.expressionWarnings"):
        yield from require_fields(warning, where, "warning")
        if not (warning.get("fieldRef") or "").strip():
            yield field.required(f"{where}.fieldRef")
    yield from validate_conditions(status.get("conditions"), "status.conditions")


def _validate_validations(spec: JsonObject, name: str, checker: ExpressionChecker) -> Errors:
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        text = "validations or auditAnnotations must contain at least one item"
        yield field.required("spec.validations", text)
        yield field.required("spec.auditAnnotations", text)
    for path, validation in enumerate_items(spec.get("validations"), "spec.validations"):
        yield from _validate_validation(validation, path, checker)
    yield from _validate_audit_annotations(spec.get("auditAnnotations") or [], name, checker)


def _validate_validation(validation: JsonObject, path: str, checker: ExpressionChecker) -> Errors:
    expression = validation.get("expression", "")
    if not expression.strip():
        yield field.required(f"{path}.expression", NO_EXPRESSION)
    else:
        yield from check_expression(checker, expression, f"{path}.expression", BOOL)
    yield from _validate_message(validation, path)
    message = validation.get("messageExpression") or ""
    if message.strip():
        where = f"{path}.messageExpression"
        yield from check_expression(checker, message, where, MESSAGE, has_authorizer=False)
    yield from check_enum(validation.get("reason"), f"{path}.reason", _REASONS)


def _validate_message(validation: JsonObject, path: str) -> Errors:
    for part in ("messageExpression", "message"):
        text = validation.get(part) or ""
        if text and not text.strip():
            yield field.invalid(f"{path}.{part}", text, "must be non-empty if specified")
    message = validation.get("message") or ""
    if re.search("[\n\r]", message.strip()):
        yield field.invalid(f"{path}.message", message, "must not contain line breaks")


def _validate_audit_annotations(
    annotations: Sequence[JsonObject], name: str, checker: ExpressionChecker
) -> Errors:
    """name: of the policy. With it as a prefix, each key must be a qualified name."""
    path = "spec.auditAnnotations"
    if len(annotations) > _AUDIT_ANNOTATIONS_MAX:
        text = f"must not have more than {_AUDIT_ANNOTATIONS_MAX} auditAnnotations"
        yield field.invalid(path, annotations, text)
    seen: set[str] = set()
    for where, annotation in enumerate_items(annotations, path):
        key, expression = annotation.get("key", ""), annotation.get("valueExpression", "").strip()
        if name:
            yield from check_value(f"{name}/{key}", f"{where}.key", names.is_qualified_name)
        else:
            yield field.invalid(f"{where}.key", key, "requires metadata.name be non-empty")
        if not expression:
            yield field.required(f"{where}.valueExpression", "valueExpression is not specified")
        elif len(expression.encode()) > _VALUE_EXPRESSION_MAX:
            text = f"must not exceed {_VALUE_EXPRESSION_MAX} bytes in length"
            yield field.required(f"{where}.valueExpression", text)
        else:
            value = annotation["valueExpression"]
            yield from check_expression(checker, value, f"{where}.valueExpression", AUDIT_VALUE)
        if key in seen:
            yield field.duplicate(f"{where}.key", key)
        seen.add(key)
