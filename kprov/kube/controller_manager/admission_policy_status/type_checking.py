"""Type checks of a policy's expressions against the schemas of the resources that its rules name.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking.go.
"""

import contextlib
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final, NamedTuple

from kprov.kube.api.admission_registration import NamedRule, ParamKind, ValidatingAdmissionPolicySpec
from kprov.kube.component_helpers.cel.errors import CompileError
from kprov.kube.component_helpers.cel.messages import Fields
from kprov.kube.component_helpers.cel.policy_expressions import ExpressionChecker
from kprov.kube.component_helpers.cel.schema_types import collect_types
from kprov.kube.machinery import resources
from kprov.kube.machinery.schema import definitions
from kprov.kube.machinery.schema.object_schema import Schema

#: Group, version and kind.
_Gvk = tuple[str, str, str]

#: How many kinds of one rule are checked.
_KINDS_MAX: Final = 10


class ExpressionWarning(NamedTuple):
    """A warning about the expression in a field, such as spec.validations[0].expression."""

    field: str
    text: str


def find_warnings(spec: ValidatingAdmissionPolicySpec) -> list[ExpressionWarning]:
    """Return the problems of all validations, for each kind that the policy matches."""
    kinds = list_kinds(spec)
    if not kinds:
        return []
    checkers = _build_checkers(spec, kinds)
    return [
        ExpressionWarning(field, "\n".join(problems))
        for field, expression in _list_expressions(spec)
        if (problems := list(_find_problems(expression, checkers)))
    ]


def list_kinds(spec: ValidatingAdmissionPolicySpec) -> list[_Gvk]:
    """Return the kinds that rules name without wildcards, sorted."""
    gvks: set[_Gvk] = set()
    for rule in spec.match_constraints.resource_rules if spec.match_constraints else ():
        kinds = list(_list_rule_kinds(rule))
        gvks.update(kinds[:_KINDS_MAX])
        if len(kinds) >= _KINDS_MAX:
            break
    return sorted(gvks)


def _list_rule_kinds(rule: NamedRule) -> Iterator[_Gvk]:
    if any("*" in name for name in (*rule.api_groups, *rule.api_versions)):
        return
    plurals = [plural for plural in rule.resources if "*" not in plural and "/" not in plural]
    for key in product(sorted(rule.api_groups), sorted(rule.api_versions), sorted(plurals)):
        resource = resources.find(*key)
        if resource is not None:
            yield resource.gvk


def _build_checkers(
    spec: ValidatingAdmissionPolicySpec, kinds: Iterable[_Gvk]
) -> dict[_Gvk, ExpressionChecker]:
    # Not the cached schema: the controller manager would keep all definitions in memory.
    schema = Schema(definitions.load())
    params_type, params_messages = _find_type(schema, _find_param_kind(spec.param_kind))
    checkers: dict[_Gvk, ExpressionChecker] = {}
    for kind in kinds:
        object_type, messages = _find_type(schema, kind)
        checker = checkers[kind] = ExpressionChecker(
            has_params=spec.param_kind is not None,
            object_type=object_type,
            params_type=params_type,
            messages={**messages, **params_messages},
        )
        for variable in spec.variables:
            with contextlib.suppress(CompileError):  # upstream has no warnings for variables
                checker.check_variable(variable.name, variable.expression)
    return checkers


def _find_param_kind(kind: ParamKind | None) -> _Gvk | None:
    return None if kind is None else (*resources.split_api_version(kind.api_version), kind.kind)


def _find_type(schema: Schema, gvk: _Gvk | None) -> tuple[str, dict[str, Fields]]:
    return ("dyn", {}) if gvk is None or not schema.knows(gvk) else collect_types(schema.node(gvk))


def _list_expressions(spec: ValidatingAdmissionPolicySpec) -> Iterator[tuple[str, str]]:
    for index, validation in enumerate(spec.validations):
        path = f"spec.validations[{index}]"
        yield f"{path}.expression", validation.expression
        if validation.message_expression:
            yield f"{path}.messageExpression", validation.message_expression


def _find_problems(expression: str, checkers: dict[_Gvk, ExpressionChecker]) -> Iterator[str]:
    for (group, version, kind), checker in checkers.items():
        issues = checker.find_issues(expression)
        if issues:
            yield f"{resources.api_version(group, version)}, Kind={kind}: {issues}\n"
