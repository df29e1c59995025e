"""Conditions of the common form, metav1.Condition.

Source: upstream staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation (ValidateConditions).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_STATUSES: Final = ["False", "True", "Unknown"]
_REASON: Final = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_REASON_TEXT: Final = (
    "a condition reason must start with alphabetic character, optionally followed by a string of "
    "alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'"
)
_REASON_MAX: Final = 1024
_MESSAGE_MAX: Final = 32 * 1024


def validate_conditions(values: Sequence[JsonObject] | None, path: str) -> Errors:
    """Field rules of metav1.Condition. Each type may appear once."""
    seen: set[str] = set()
    for where, condition in enumerate_items(values, path):
        kind = condition.get("type", "")
        if kind in seen:
            yield field.duplicate(f"{where}.type", kind)
        seen.add(kind)
        yield from checks.check_value(kind, f"{where}.type", names.is_qualified_name)
        yield from checks.check_enum(condition.get("status", ""), f"{where}.status", _STATUSES)
        generation = condition.get("observedGeneration") or 0
        if generation < 0:
            text = "must be greater than or equal to zero"
            yield field.invalid(f"{where}.observedGeneration", generation, text)
        yield from checks.require_fields(condition, where, "lastTransitionTime")
        yield from checks.check_required_field(condition, where, "reason", _is_reason)
        if len(condition.get("reason", "").encode()) > _REASON_MAX:
            yield field.too_long(f"{where}.reason", _REASON_MAX)
        if len(condition.get("message", "").encode()) > _MESSAGE_MAX:
            yield field.too_long(f"{where}.message", _MESSAGE_MAX)


def _is_reason(value: str) -> list[str]:
    if re.fullmatch(_REASON, value):
        return []
    examples = ("my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB")
    return [names.regex_error(_REASON_TEXT, _REASON, *examples)]
