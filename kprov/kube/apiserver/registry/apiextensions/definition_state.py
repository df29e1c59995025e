"""What the server reads from the status of a custom resource definition.

Source: apiextensions-apiserver/pkg/apihelpers/helpers.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

ESTABLISHED: Final = "Established"
NAMES_ACCEPTED: Final = "NamesAccepted"
TERMINATING: Final = "Terminating"
NON_STRUCTURAL: Final = "NonStructuralSchema"
FINALIZER: Final = "customresourcecleanup.apiextensions.k8s.io"


def find_condition(definition: Mapping[str, Any], type_: str) -> JsonObject | None:
    """Return a condition of the status, None if it is missing."""
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == type_), None)


def is_true(definition: Mapping[str, Any], type_: str) -> bool:
    """Whether a condition has the status True."""
    condition = find_condition(definition, type_)
    return condition is not None and condition.get("status") == "True"


def set_condition(status: JsonObject, type_: str, value: str, reason: str, message: str) -> None:
    """Set a condition. Its time changes with its status only."""
    conditions = [dict(condition) for condition in status.get("conditions") or ()]
    new = {
        "type": type_,
        "status": value,
        "lastTransitionTime": timestamps.now(),
        "reason": reason,
        "message": message,
    }
    for index, condition in enumerate(conditions):
        if condition.get("type") == type_:
            if condition.get("status") == value:
                new["lastTransitionTime"] = condition.get("lastTransitionTime") or new["lastTransitionTime"]
            conditions[index] = new
            break
    else:
        conditions.append(new)
    status["conditions"] = conditions


def has_accepted_names(definition: Mapping[str, Any]) -> bool:
    """Whether the objects can be served: all names were accepted now or before."""
    names = (definition.get("status") or {}).get("acceptedNames") or {}
    if not names.get("plural") or not names.get("kind"):
        return False
    return is_true(definition, NAMES_ACCEPTED) or is_true(definition, ESTABLISHED)
