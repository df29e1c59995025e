"""What validating and mutating admission policies share.

Source: upstream pkg/apis/admissionregistration/v1/defaults.go, pkg/apis/admissionregistration/validation.
"""

from __future__ import annotations

import re

from kprov.kube.apiserver.registry.admissionregistration.cel import CEL_KEYWORDS, NO_EXPRESSION
from kprov.kube.apiserver.registry.admissionregistration.match_conditions import validate_match_conditions
from kprov.kube.apiserver.registry.admissionregistration.match_resources import (
    default_match_resources,
    validate_match_resources,
    validate_mutated_operations,
)
from kprov.kube.apiserver.registry.admissionregistration.mutating_admission_policy import validate_mutations
from kprov.kube.apiserver.registry.admissionregistration.rules import FAILURE_POLICIES
from kprov.kube.apiserver.registry.admissionregistration.validating_admission_policy import (
    validate_validations,
)
from kprov.kube.apiserver.registry.generic.checks import Errors, check_enum, enumerate_items, require_fields
from kprov.kube.apiserver.registry.generic.conditions import validate_conditions
from kprov.kube.apiserver.registry.generic.defaulting import set_defaults
from kprov.kube.apiserver.registry.generic.resource_strategy import ALL_METADATA, ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource


class AdmissionPolicyStrategy(ResourceStrategy):
    """Validating and mutating policies."""

    has_generation = True
    allow_unconditional_update = False
    status_keeps = ALL_METADATA

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource)
        if self.has_status:
            self.new_status = {}

    def missing_feature(self, obj: JsonObject) -> str:
        return "admission policies"

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        set_defaults(spec, failurePolicy="Fail")
        default_match_resources(spec.get("matchConstraints"))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*self._rules(obj)]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        # Conditions that were accepted once stay while nothing is changed that they are about.
        is_same = all(
            (obj["spec"].get(part) or None) == (old["spec"].get(part) or None)
            for part in ("paramKind", "matchConditions")
        )
        return [*self._rules(obj, keeps_conditions=is_same)]

    def _rules(self, obj: JsonObject, *, keeps_conditions: bool = False) -> Errors:
        spec, name = obj["spec"], obj["metadata"].get("name") or ""
        is_mutating = self.resource.plural.startswith("mutating")
        yield from _validate_match_constraints(spec, is_mutating=is_mutating)
        if not keeps_conditions:
            yield from validate_match_conditions(spec.get("matchConditions"), "spec.matchConditions")
        for path, variable in enumerate_items(spec.get("variables"), "spec.variables"):
            yield from _validate_variable(variable, path)
        yield from validate_mutations(spec) if is_mutating else validate_validations(spec, name)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*_validate_status(obj["status"])]


def _validate_status(status: JsonObject) -> Errors:
    warnings = (status.get("typeChecking") or {}).get("expressionWarnings")
    for where, warning in enumerate_items(warnings, "status.typeChecking.expressionWarnings"):
        yield from require_fields(warning, where, "warning")
        if not (warning.get("fieldRef") or "").strip():
            yield field.required(f"{where}.fieldRef")
    yield from validate_conditions(status.get("conditions"), "status.conditions")


def _validate_match_constraints(spec: JsonObject, *, is_mutating: bool) -> Errors:
    yield from check_enum(spec["failurePolicy"], "spec.failurePolicy", FAILURE_POLICIES)
    kind = spec.get("paramKind")
    if kind is not None:
        yield from _validate_param_kind(kind)
    constraints = spec.get("matchConstraints")
    if constraints is None:
        yield field.required("spec.matchConstraints")
    else:
        yield from validate_match_resources(constraints, "spec.matchConstraints")
        if not constraints.get("resourceRules"):
            yield field.required("spec.matchConstraints.resourceRules")
        if is_mutating:
            yield from validate_mutated_operations(constraints, "spec.matchConstraints")


def _validate_variable(variable: JsonObject, path: str) -> Errors:
    name = variable.get("name", "")
    if not name.strip():
        yield field.required(f"{path}.name", "name is not specified")
    elif not re.fullmatch("[_a-zA-Z][_a-zA-Z0-9]*", name) or name in CEL_KEYWORDS:
        yield field.invalid(f"{path}.name", name, "must be a valid CEL identifier")
    if not variable.get("expression", "").strip():
        yield field.required(f"{path}.expression", NO_EXPRESSION)


def _validate_param_kind(kind: JsonObject) -> Errors:
    if not kind.get("apiVersion"):
        yield field.required("spec.paramKind.apiVersion")
    else:
        yield from _validate_group_version(kind["apiVersion"], "spec.paramKind.apiVersion")
    if not kind.get("kind"):
        yield field.required("spec.paramKind.kind")
    elif wrong := names.is_dns1035_label(kind["kind"].lower()):
        text = f"may have mixed case, but should otherwise match: {','.join(wrong)}"
        yield field.invalid("spec.paramKind.kind", kind["kind"], text)


def _validate_group_version(text: str, path: str) -> Errors:
    group, _, version = text.rpartition("/")
    if "/" in group:
        yield field.invalid(path, text, f"unexpected GroupVersion string: {text}")
        return
    if group and (wrong := names.is_dns1123_subdomain(group)):
        yield field.invalid(path, group, ",".join(wrong))
    if not version:
        yield field.invalid(path, text, "version must be specified")
    elif wrong := names.is_dns1035_label(version):
        yield field.invalid(path, version, ",".join(wrong))
