"""Admission policies and their bindings: defaults and field rules. What evaluates them is another matter.

Source: upstream pkg/apis/admissionregistration/v1/defaults.go, pkg/apis/admissionregistration/validation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    each,
    label_selector,
    named,
    one_of,
    one_of_required,
    required,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import ALL_METADATA, ResourceStrategy
from kprov.kube.apiserver.registry.strategies.status_rules import conditions
from kprov.kube.apiserver.registry.strategies.webhooks import (
    FAILURES,
    MATCHES,
    match_conditions,
    missing,
    rule,
)
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource

_ACTIONS: Final = ["Audit", "Deny", "Warn"]
_REASONS: Final = ["Forbidden", "Invalid", "RequestEntityTooLarge"]
_AUDIT_ANNOTATIONS_MAX: Final = 20
_VALUE_EXPRESSION_MAX: Final = 5 * 1024
_NO_EXPRESSION: Final = "expression is not specified"
_CEL_WORDS: Final = {
    *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"),
    *("import", "let", "loop", "package", "namespace", "return", "var", "void", "while"),
}


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
        missing(spec, failurePolicy="Fail")
        _match_defaults(spec.get("matchConstraints"))

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
        yield from _matching(spec, is_mutating=is_mutating)
        if not keeps_conditions:
            yield from match_conditions(spec.get("matchConditions"), "spec.matchConditions")
        for path, variable in each(spec.get("variables"), "spec.variables"):
            yield from _variable(variable, path)
        yield from _mutations(spec) if is_mutating else _validations(spec, name)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*_status(obj["status"])]


class PolicyBindingStrategy(ResourceStrategy):
    has_generation = True
    allow_unconditional_update = False

    def missing_feature(self, obj: JsonObject) -> str:
        return "admission policies"

    def default(self, obj: JsonObject) -> None:
        _match_defaults(obj.setdefault("spec", {}).get("matchResources"))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*_binding(obj["spec"], is_mutating=self.resource.plural.startswith("mutating"))]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return self.validate(obj)


def _status(status: JsonObject) -> Errors:
    warnings = (status.get("typeChecking") or {}).get("expressionWarnings")
    for where, warning in each(warnings, "status.typeChecking.expressionWarnings"):
        yield from required(warning, where, "warning")
        if not (warning.get("fieldRef") or "").strip():
            yield field.required(f"{where}.fieldRef")
    yield from conditions(status.get("conditions"), "status.conditions")


def _match_defaults(constraints: JsonObject | None) -> None:
    if constraints is None:
        return
    missing(constraints, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
    for part in ("resourceRules", "excludeResourceRules"):
        for each_rule in constraints.get(part) or ():
            missing(each_rule, scope="*")


def _matching(spec: JsonObject, *, is_mutating: bool) -> Errors:
    yield from one_of(spec["failurePolicy"], "spec.failurePolicy", FAILURES)
    kind = spec.get("paramKind")
    if kind is not None:
        yield from _param_kind(kind)
    constraints = spec.get("matchConstraints")
    if constraints is None:
        yield field.required("spec.matchConstraints")
    else:
        yield from _match(constraints, "spec.matchConstraints")
        if not constraints.get("resourceRules"):
            yield field.required("spec.matchConstraints.resourceRules")
        if is_mutating:
            yield from _mutated_operations(constraints, "spec.matchConstraints")


def _validations(spec: JsonObject, name: str) -> Errors:
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        text = "validations or auditAnnotations must contain at least one item"
        yield field.required("spec.validations", text)
        yield field.required("spec.auditAnnotations", text)
    for path, validation in each(spec.get("validations"), "spec.validations"):
        yield from _validation(validation, path)
    yield from _audit_annotations(spec.get("auditAnnotations") or [], name)


def _mutated_operations(constraints: JsonObject, path: str) -> Errors:
    for held in constraints.get("resourceRules") or ():
        for operation in held.get("operations") or ():
            yield from one_of(
                operation, f"{path}.resourceRules.operations", ["*", "CONNECT", "CREATE", "UPDATE"]
            )


def _variable(variable: JsonObject, path: str) -> Errors:
    name = variable.get("name", "")
    if not name.strip():
        yield field.required(f"{path}.name", "name is not specified")
    elif not re.fullmatch("[_a-zA-Z][_a-zA-Z0-9]*", name) or name in _CEL_WORDS:
        yield field.invalid(f"{path}.name", name, "must be a valid CEL identifier")
    if not variable.get("expression", "").strip():
        yield field.required(f"{path}.expression", _NO_EXPRESSION)


def _validation(validation: JsonObject, path: str) -> Errors:
    if not validation.get("expression", "").strip():
        yield field.required(f"{path}.expression", _NO_EXPRESSION)
    for part in ("messageExpression", "message"):
        text = validation.get(part) or ""
        if text and not text.strip():
            yield field.invalid(f"{path}.{part}", text, "must be non-empty if specified")
    message = validation.get("message") or ""
    if re.search("[\n\r]", message.strip()):
        yield field.invalid(f"{path}.message", message, "must not contain line breaks")
    yield from one_of(validation.get("reason"), f"{path}.reason", _REASONS)


def _audit_annotations(annotations: Sequence[JsonObject], name: str) -> Errors:
    """`name`: of the policy, with which the keys are to be names."""
    path = "spec.auditAnnotations"
    if len(annotations) > _AUDIT_ANNOTATIONS_MAX:
        text = f"must not have more than {_AUDIT_ANNOTATIONS_MAX} auditAnnotations"
        yield field.invalid(path, annotations, text)
    seen: set[str] = set()
    for where, annotation in each(annotations, path):
        key, expression = annotation.get("key", ""), annotation.get("valueExpression", "").strip()
        if name:
            yield from named(f"{name}/{key}", f"{where}.key", names.is_qualified_name)
        else:
            yield field.invalid(f"{where}.key", key, "requires metadata.name be non-empty")
        if not expression:
            yield field.required(f"{where}.valueExpression", "valueExpression is not specified")
        elif len(expression.encode()) > _VALUE_EXPRESSION_MAX:
            text = f"must not exceed {_VALUE_EXPRESSION_MAX} bytes in length"
            yield field.required(f"{where}.valueExpression", text)
        if key in seen:
            yield field.duplicate(f"{where}.key", key)
        seen.add(key)


def _mutations(spec: JsonObject) -> Errors:
    if not spec.get("mutations"):
        yield field.required("spec.mutations", "mutations must contain at least one item")
    for path, mutation in each(spec.get("mutations"), "spec.mutations"):
        kind = mutation.get("patchType", "")
        part = {"ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"}.get(kind)
        if part is None:
            yield from one_of_required(kind, f"{path}.patchType", ["ApplyConfiguration", "JSONPatch"])
        elif mutation.get(part) is None:
            yield field.required(f"{path}.{part}", f"must be specified when patchType is {kind}")
        elif not (mutation[part].get("expression") or "").strip():
            yield field.required(f"{path}.{part}.expression")
        other = {"applyConfiguration": "jsonPatch", "jsonPatch": "applyConfiguration"}.get(part or "")
        if other and mutation.get(other) is not None:
            text = f"must not be specified when patchType is {kind}"
            yield field.invalid(f"{path}.{other}", f"{{{other}}}", text)
    if not spec.get("reinvocationPolicy"):
        yield field.required("spec.reinvocationPolicy")
    else:
        policies = ["IfNeeded", "Never"]
        yield from one_of(spec["reinvocationPolicy"], "spec.reinvocationPolicy", policies)


def _param_kind(kind: JsonObject) -> Errors:
    if not kind.get("apiVersion"):
        yield field.required("spec.paramKind.apiVersion")
    else:
        yield from _group_version(kind["apiVersion"], "spec.paramKind.apiVersion")
    if not kind.get("kind"):
        yield field.required("spec.paramKind.kind")
    elif wrong := names.is_dns1035_label(kind["kind"].lower()):
        text = f"may have mixed case, but should otherwise match: {','.join(wrong)}"
        yield field.invalid("spec.paramKind.kind", kind["kind"], text)


def _group_version(text: str, path: str) -> Errors:
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


def _match(constraints: JsonObject, path: str) -> Errors:
    yield from one_of(constraints["matchPolicy"], f"{path}.matchPolicy", MATCHES)
    yield from label_selector(constraints["namespaceSelector"], f"{path}.namespaceSelector")
    yield from label_selector(constraints["objectSelector"], f"{path}.objectSelector")
    for part in ("resourceRules", "excludeResourceRules"):
        for where, each_rule in each(constraints.get(part), f"{path}.{part}"):
            yield from _resource_names(each_rule.get("resourceNames") or (), f"{where}.resourceNames")
            yield from rule(each_rule, where)


def _resource_names(values: Sequence[str], path: str) -> Errors:
    seen: set[str] = set()
    for where, value in each(values, path):
        yield from named(value, where, names.is_path_segment_name)
        if value in seen:
            yield field.duplicate(where, value)
        seen.add(value)


def _binding(spec: JsonObject, *, is_mutating: bool) -> Errors:
    name = spec.get("policyName", "")
    if not name:
        yield field.required("spec.policyName")
    else:
        yield from named(name, "spec.policyName", names.is_dns1123_subdomain)
    reference = spec.get("paramRef")
    if reference is not None:
        yield from _param_reference(reference)
    if spec.get("matchResources") is not None:
        yield from _match(spec["matchResources"], "spec.matchResources")
        if is_mutating:
            yield from _mutated_operations(spec["matchResources"], "spec.matchResources")
    if is_mutating:
        return
    actions = spec.get("validationActions") or []
    seen: set[str] = set()
    for where, action in each(actions, "spec.validationActions"):
        yield from one_of(action, where, _ACTIONS)
        if action in seen:
            yield field.duplicate(where, action)
        seen.add(action)
    if not actions:
        yield field.required("spec.validationActions", "at least one validation action is required")
    if {"Deny", "Warn"} <= set(actions):
        text = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the "
            "API response and headers serves no purpose)"
        )
        yield field.invalid("spec.validationActions", actions, text)


def _param_reference(reference: JsonObject) -> Errors:
    path = "spec.paramRef"
    both = "name and selector are mutually exclusive"
    name, selector = reference.get("name"), reference.get("selector")
    if name:
        yield from named(name, f"{path}.name", names.is_path_segment_name)
        if selector is not None:
            yield field.forbidden(f"{path}.name", both)
    if selector is not None:
        yield from label_selector(selector, f"{path}.selector")
        if name:
            yield field.forbidden(f"{path}.selector", both)
    elif not name:
        yield field.required(path, "one of name or selector must be specified")
    action = reference.get("parameterNotFoundAction")
    yield from one_of_required(action, f"{path}.parameterNotFoundAction", ["Deny", "Allow"])
