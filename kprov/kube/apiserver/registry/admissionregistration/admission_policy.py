"""What validating and mutating admission policies share.

Source: upstream pkg/apis/admissionregistration/v1/defaults.go, pkg/apis/admissionregistration/validation.
"""

from __future__ import annotations

import re

from kprov.kube.apiserver.registry.admissionregistration.cel import (
    CEL_KEYWORDS,
    NO_EXPRESSION,
    check_variable,
)
from kprov.kube.apiserver.registry.admissionregistration.match_conditions import validate_match_conditions
from kprov.kube.apiserver.registry.admissionregistration.match_resources import (
    default_match_resources,
    validate_match_resources,
)
from kprov.kube.apiserver.registry.admissionregistration.rules import FAILURE_POLICIES
from kprov.kube.apiserver.registry.generic.checks import Errors, check_enum, enumerate_items
from kprov.kube.apiserver.registry.generic.defaulting import set_defaults
from kprov.kube.apiserver.registry.generic.resource_strategy import ALL_METADATA, ResourceStrategy
from kprov.kube.component_helpers.cel.policy_expressions import ExpressionChecker
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class AdmissionPolicyStrategy(ResourceStrategy):
    """The base of both kinds of policies."""

    has_generation = True
    allow_unconditional_update = False
    fixed_in_status_update = ALL_METADATA
    #: Whether variables and the expressions that use them are compiled.
    compiles_expressions = False

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        set_defaults(spec, failurePolicy="Fail")
        default_match_resources(spec.get("matchConstraints"))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*self._validate_spec(obj)]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        # Conditions that were accepted before stay valid until paramKind or a condition changes.
        is_same = all(
            (obj["spec"].get(part) or None) == (old["spec"].get(part) or None)
            for part in ("paramKind", "matchConditions")
        )
        return [*self._validate_spec(obj, keeps_conditions=is_same)]

    def _validate_spec(self, obj: JsonObject, *, keeps_conditions: bool = False) -> Errors:
        spec = obj["spec"]
        yield from _validate_match_constraints(spec)
        yield from self.validate_operations(spec)
        if not keeps_conditions:
            yield from validate_match_conditions(
                spec.get("matchConditions"), "spec.matchConditions", has_params=bool(spec.get("paramKind"))
            )
        checker = ExpressionChecker(has_params=bool(spec.get("paramKind")))
        for path, variable in enumerate_items(spec.get("variables"), "spec.variables"):
            yield from _validate_variable(variable, path, checker if self.compiles_expressions else None)
        yield from self.validate_own_fields(obj, checker)

    def validate_operations(self, spec: JsonObject) -> Errors:
        """Field rules of the operations in matchConstraints. Only mutating policies have such rules."""
        yield from ()

    def validate_own_fields(self, obj: JsonObject, checker: ExpressionChecker) -> Errors:
        """Field rules of the fields that only one of both kinds has. checker: knows the variables."""
        yield from ()


def _validate_match_constraints(spec: JsonObject) -> Errors:
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


def _validate_variable(variable: JsonObject, path: str, checker: ExpressionChecker | None) -> Errors:
    name = variable.get("name", "")
    if not name.strip():
        yield field.required(f"{path}.name", "name is not specified")
    elif not re.fullmatch("[_a-zA-Z][_a-zA-Z0-9]*", name) or name in CEL_KEYWORDS:
        yield field.invalid(f"{path}.name", name, "must be a valid CEL identifier")
    if not variable.get("expression", "").strip():
        yield field.required(f"{path}.expression", NO_EXPRESSION)
    elif checker is not None:
        yield from check_variable(checker, name, variable["expression"], f"{path}.expression")


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
