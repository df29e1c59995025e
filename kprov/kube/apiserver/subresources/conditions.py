"""Set a condition of a status. Source: upstream pkg/api/pod/util.go (UpdatePodCondition)."""

from __future__ import annotations

from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject


def set_condition(object_status: JsonObject, condition: JsonObject) -> None:
    """Set a condition in place. Its transition time changes only with its status."""
    conditions: list[JsonObject] = list(object_status.get("conditions") or ())
    condition = {"lastTransitionTime": timestamps.now(), **condition}
    for index, old in enumerate(conditions):
        if old.get("type") == condition["type"]:
            if old.get("status") == condition["status"]:
                condition["lastTransitionTime"] = old.get("lastTransitionTime")
            conditions[index] = condition
            break
    else:
        conditions.append(condition)
    object_status["conditions"] = conditions


def find_condition(object_status: JsonObject, type_: str) -> JsonObject | None:
    return next(
        (condition for condition in object_status.get("conditions") or () if condition.get("type") == type_),
        None,
    )
