"""Conditions of certificate signing requests: who may write which, and their times.

Source: upstream pkg/registry/certificates/certificates/strategy.go, pkg/apis/certificates/validation.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.machinery import field, timestamps
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_difference import describe_difference
from kprov.kube.machinery.json_object import JsonObject

DECISIONS: Final = ("Approved", "Denied")
_LASTING: Final = (*DECISIONS, "Failed")
_PATH: Final = "status.conditions"
_REQUEST: Final = ("certificates.k8s.io", "v1", "CertificateSigningRequest")
_STATUSES: Final = ["False", "True", "Unknown"]


def list_conditions(obj: JsonObject, kind: str | None = None) -> list[JsonObject]:
    """All conditions, or those of one type."""
    conditions: list[JsonObject] = (obj.get("status") or {}).get("conditions") or []
    return (
        conditions
        if kind is None
        else [condition for condition in conditions if condition.get("type") == kind]
    )


def set_condition_times(obj: JsonObject, old: JsonObject) -> None:
    """Set missing times. A condition with the same status keeps its lastTransitionTime."""
    now = timestamps.now()
    for condition in list_conditions(obj):
        condition["lastUpdateTime"] = condition.get("lastUpdateTime") or now
        if not condition.get("lastTransitionTime"):
            known = (
                before.get("lastTransitionTime")
                for before in list_conditions(old, condition.get("type", ""))
                if before.get("status") == condition.get("status")
            )
            condition["lastTransitionTime"] = next(filter(None, known), now)


def keep_decisions(obj: JsonObject, old: JsonObject) -> None:
    """Restore the old Approved and Denied conditions, unless their number changed."""
    for kind in DECISIONS:
        new, before = list_conditions(obj, kind), list_conditions(old, kind)
        if len(new) == len(before):
            for condition, kept in zip(new, before, strict=True):
                condition.clear()
                condition.update(kept)


def validate_conditions(obj: JsonObject) -> list[FieldError]:
    """Field rules of the conditions, regardless of the old object."""
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, condition in enumerate(list_conditions(obj)):
        kind, value = condition.get("type", ""), condition.get("status", "")
        if not kind:
            errors.append(field.required(f"{_PATH}[{index}].type"))
        allowed = ["True"] if kind in _LASTING else _STATUSES
        if not value:
            errors.append(field.required(f"{_PATH}[{index}].status"))
        elif value not in allowed:
            errors.append(field.not_supported(f"{_PATH}[{index}].status", value, allowed))
        if kind in DECISIONS and seen & (set(DECISIONS) - {kind}):
            text = "Approved and Denied conditions are mutually exclusive"
            errors.append(field.invalid(_PATH, kind, text))
        if kind in seen:
            errors.append(field.duplicate(f"{_PATH}[{index}].type", kind))
        seen.add(kind)
    return errors


def validate_condition_changes(obj: JsonObject, old: JsonObject, *, decides: bool) -> list[FieldError]:
    """Refuse changes of lasting conditions. decides: the write goes to /approval."""
    errors = [
        field.forbidden(_PATH, f'updates may not remove a condition of type "{kind}"')
        for kind in _LASTING
        if len(list_conditions(obj, kind)) < len(list_conditions(old, kind))
    ]
    for kind in () if decides else DECISIONS:
        new, before = list_conditions(obj, kind), list_conditions(old, kind)
        if len(new) > len(before):
            errors.append(field.forbidden(_PATH, f'updates may not add a condition of type "{kind}"'))
        elif len(new) == len(before) and new != before:
            difference = describe_difference(before, new)
            text = f'updates may not modify a condition of type "{kind}"\n{difference}'
            errors.append(field.forbidden(_PATH, text))
    return errors
