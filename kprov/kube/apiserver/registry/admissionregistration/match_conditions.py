"""Match conditions of webhooks and policies.

Source: upstream pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.admissionregistration.cel import check_expression
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.component_helpers.cel.policy_expressions import BOOL, ExpressionChecker
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_CONDITIONS_MAX: Final = 64


def validate_match_conditions(
    conditions: Sequence[JsonObject] | None, path: str, *, has_params: bool = False
) -> Errors:
    """Check names and expressions. has_params: whether expressions may use `params`."""
    if len(conditions or ()) > _CONDITIONS_MAX:
        yield field.too_many(path, len(conditions or ()), _CONDITIONS_MAX)
    seen: set[str] = set()
    for where, condition in enumerate_items(conditions, path):
        if not condition.get("expression", "").strip():
            yield field.required(f"{where}.expression")
        else:
            # Without the variables of a policy, as upstream.
            checker = ExpressionChecker(has_params=has_params)
            yield from check_expression(checker, condition["expression"], f"{where}.expression", BOOL)
        yield from checks.check_required_field(condition, where, "name", names.is_qualified_name)
        name = condition.get("name")
        if name and name in seen:
            yield field.duplicate(f"{where}.name", name)
        seen.add(name or "")
