"""Bindings of validating admission policies.

Source: upstream pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.admissionregistration.policy_binding import PolicyBindingStrategy
from kprov.kube.apiserver.registry.generic.checks import Errors, check_enum, enumerate_items
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject

_ACTIONS: Final = ["Audit", "Deny", "Warn"]


class ValidatingAdmissionPolicyBindingStrategy(PolicyBindingStrategy):
    def validate_own_fields(self, spec: JsonObject) -> Errors:
        yield from _validate_actions(spec)


def _validate_actions(spec: JsonObject) -> Errors:
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
