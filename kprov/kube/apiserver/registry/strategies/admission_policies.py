"""Admission policies and their bindings: defaults and field rules. What evaluates them is another matter.

Source: upstream pkg/apis/admissionregistration/v1/defaults.go, pkg/apis/admissionregistration/validation.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.checks import (
    Errors,
    Object,
    each,
    label_selector,
    named,
    one_of,
    one_of_required,
)
from kprov.kube.apiserver.registry.strategies.generic import ResourceStrategy
from kprov.kube.apiserver.registry.strategies.webhooks import FAILURES, MATCHES, missing, rule
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.resources import Resource

_ACTIONS: Final = ["Audit", "Deny", "Warn"]


class AdmissionPolicyStrategy(ResourceStrategy):
    """Validating and mutating policies."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource)
        if self.has_status:
            self.new_status = {}

    def default(self, obj: Object) -> None:
        spec: Object = obj.setdefault("spec", {})
        missing(spec, failurePolicy="Fail")
        _match_defaults(spec.get("matchConstraints"))

    def validate(self, obj: Object) -> list[FieldError]:
        return [*_policy(obj["spec"], is_mutating=self.resource.plural.startswith("mutating"))]

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        return self.validate(obj)


class PolicyBindingStrategy(ResourceStrategy):
    def default(self, obj: Object) -> None:
        _match_defaults(obj.setdefault("spec", {}).get("matchResources"))

    def validate(self, obj: Object) -> list[FieldError]:
        return [*_binding(obj["spec"], is_mutating=self.resource.plural.startswith("mutating"))]

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        return self.validate(obj)


def _match_defaults(constraints: Object | None) -> None:
    if constraints is None:
        return
    missing(constraints, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
    for part in ("resourceRules", "excludeResourceRules"):
        for each_rule in constraints.get(part) or ():
            missing(each_rule, scope="*")


def _policy(spec: Object, *, is_mutating: bool) -> Errors:
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
        yield from _mutations(spec)
        return
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        text = "validations or auditAnnotations must be non-empty"
        yield field.required("spec.validations", f"{text}; at least one of the fields must contain an item")
    for path, validation in each(spec.get("validations"), "spec.validations"):
        if not (validation.get("expression") or "").strip():
            yield field.required(f"{path}.expression", "expression is not specified")


def _mutations(spec: Object) -> Errors:
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
            yield field.required(f"{path}.{part}.expression", "expression is not specified")
    if not spec.get("reinvocationPolicy"):
        yield field.required("spec.reinvocationPolicy")
    else:
        policies = ["IfNeeded", "Never"]
        yield from one_of(spec["reinvocationPolicy"], "spec.reinvocationPolicy", policies)


def _param_kind(kind: Object) -> Errors:
    if not kind.get("apiVersion"):
        yield field.required("spec.paramKind.apiVersion")
    if not kind.get("kind"):
        yield field.required("spec.paramKind.kind")
    else:
        yield from named(kind["kind"].lower(), "spec.paramKind.kind", names.is_dns1035_label)


def _match(constraints: Object, path: str) -> Errors:
    yield from one_of(constraints["matchPolicy"], f"{path}.matchPolicy", MATCHES)
    yield from label_selector(constraints["namespaceSelector"], f"{path}.namespaceSelector")
    yield from label_selector(constraints["objectSelector"], f"{path}.objectSelector")
    for part in ("resourceRules", "excludeResourceRules"):
        for where, each_rule in each(constraints.get(part), f"{path}.{part}"):
            yield from rule(each_rule, where)


def _binding(spec: Object, *, is_mutating: bool) -> Errors:
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
        return
    actions = spec.get("validationActions") or []
    if not actions:
        yield field.required("spec.validationActions")
    for where, action in each(actions, "spec.validationActions"):
        yield from one_of(action, where, _ACTIONS)
    if {"Deny", "Warn"} <= set(actions):
        text = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the "
            "API response and headers serves no purpose)"
        )
        yield field.invalid("spec.validationActions", actions, text)


def _param_reference(reference: Object) -> Errors:
    path = "spec.paramRef"
    if not reference.get("name") and reference.get("selector") is None:
        yield field.required(path, "one of name or selector must be specified")
    if reference.get("name") and reference.get("selector") is not None:
        text = "name and selector are mutually exclusive"
        yield field.forbidden(f"{path}.name", text)
    action = reference.get("parameterNotFoundAction")
    if action is None:
        yield field.required(f"{path}.parameterNotFoundAction")
    else:
        yield from one_of(action, f"{path}.parameterNotFoundAction", ["Allow", "Deny"])
