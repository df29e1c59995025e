"""Bindings of admission policies, validating and mutating.

Source: upstream pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.admissionregistration.match_resources import (
    default_match_resources,
    validate_match_resources,
    validate_mutated_operations,
)
from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_enum,
    check_label_selector,
    check_required_enum,
    check_value,
    enumerate_items,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_ACTIONS: Final = ["Audit", "Deny", "Warn"]


class PolicyBindingStrategy(ResourceStrategy):
    has_generation = True
    allow_unconditional_update = False

    def missing_feature(self, obj: JsonObject) -> str:
        return "admission policies"

    def default(self, obj: JsonObject) -> None:
        default_match_resources(obj.setdefault("spec", {}).get("matchResources"))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*_validate_binding(obj["spec"], is_mutating=self.resource.plural.startswith("mutating"))]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return self.validate(obj)


def _validate_binding(spec: JsonObject, *, is_mutating: bool) -> Errors:
    name = spec.get("policyName", "")
    if not name:
        yield field.required("spec.policyName")
    else:
        yield from check_value(name, "spec.policyName", names.is_dns1123_subdomain)
    reference = spec.get("paramRef")
    if reference is not None:
        yield from _validate_param_reference(reference)
    if spec.get("matchResources") is not None:
        yield from validate_match_resources(spec["matchResources"], "spec.matchResources")
        if is_mutating:
            yield from validate_mutated_operations(spec["matchResources"], "spec.matchResources")
    if is_mutating:
        return
    actions = spec.get("validationActions") or []
    seen: set[str] = set()
    for where, action in enumerate_items(actions, "spec.validationActions"):
        yield from check_enum(action, where, _ACTIONS)
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


def _validate_param_reference(reference: JsonObject) -> Errors:
    path = "spec.paramRef"
    both = "name and selector are mutually exclusive"
    name, selector = reference.get("name"), reference.get("selector")
    if name:
        yield from check_value(name, f"{path}.name", names.is_path_segment_name)
        if selector is not None:
            yield field.forbidden(f"{path}.name", both)
    if selector is not None:
        yield from check_label_selector(selector, f"{path}.selector")
        if name:
            yield field.forbidden(f"{path}.selector", both)
    elif not name:
        yield field.required(path, "one of name or selector must be specified")
    action = reference.get("parameterNotFoundAction")
    yield from check_required_enum(action, f"{path}.parameterNotFoundAction", ["Deny", "Allow"])
