"""Bindings of mutating admission policies.

Source: upstream pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.admissionregistration.match_resources import validate_mutated_operations
from kprov.kube.apiserver.registry.admissionregistration.policy_binding import PolicyBindingStrategy
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery.json_object import JsonObject


class MutatingAdmissionPolicyBindingStrategy(PolicyBindingStrategy):
    def find_missing_feature(self, obj: JsonObject) -> str:
        return "mutating admission policies"

    def validate_own_fields(self, spec: JsonObject) -> Errors:
        if spec.get("matchResources") is not None:
            yield from validate_mutated_operations(spec["matchResources"], "spec.matchResources")
