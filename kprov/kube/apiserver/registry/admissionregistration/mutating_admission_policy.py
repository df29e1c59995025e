"""Mutating admission policies.

Source: upstream pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.admissionregistration.admission_policy import AdmissionPolicyStrategy
from kprov.kube.apiserver.registry.admissionregistration.match_resources import validate_mutated_operations
from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_enum,
    check_required_enum,
    enumerate_items,
)
from kprov.kube.component_helpers.cel.policy_expressions import ExpressionChecker
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject


class MutatingAdmissionPolicyStrategy(AdmissionPolicyStrategy):
    def find_missing_feature(self, obj: JsonObject) -> str:
        return "mutating admission policies"

    def validate_operations(self, spec: JsonObject) -> Errors:
        constraints = spec.get("matchConstraints")
        if constraints is not None:
            yield from validate_mutated_operations(constraints, "spec.matchConstraints")

    def validate_own_fields(self, obj: JsonObject, checker: ExpressionChecker) -> Errors:
        yield from _validate_mutations(obj["spec"])


def _validate_mutations(spec: JsonObject) -> Errors:
    if not spec.get("mutations"):
        yield field.required("spec.mutations", "mutations must contain at least one item")
    for path, mutation in enumerate_items(spec.get("mutations"), "spec.mutations"):
        kind = mutation.get("patchType", "")
        part = {"ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"}.get(kind)
        if part is None:
            yield from check_required_enum(kind, f"{path}.patchType", ["ApplyConfiguration", "JSONPatch"])
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
        yield from check_enum(spec["reinvocationPolicy"], "spec.reinvocationPolicy", policies)
