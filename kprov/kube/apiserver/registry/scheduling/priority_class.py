"""Priority classes.

Source: upstream pkg/registry/scheduling/priorityclass/strategy.go,
pkg/apis/scheduling/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import make_immutable_error
from kprov.kube.apiserver.registry.generic.defaulting import set_default
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_USER_PRIORITY_MAX: Final = 1_000_000_000
_SYSTEM_CLASSES: Final = {"system-node-critical", "system-cluster-critical"}


class PriorityClassStrategy(ResourceStrategy):
    has_generation = True

    def explain_deletion_refusal(self, name: str) -> str:
        if name not in _SYSTEM_CLASSES:
            return ""
        return "this is a system priority class and cannot be deleted"

    def default(self, obj: JsonObject) -> None:
        set_default(obj, "preemptionPolicy", "PreemptLowerPriority")
        obj.setdefault("value", 0)

    def raises_generation(self, obj: JsonObject, old: JsonObject) -> bool:
        """Return False: a priority class keeps its first generation, because it cannot change."""
        return False

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return validate_priority_class(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return validate_priority_class_update(obj, old)


def validate_priority_class(obj: JsonObject) -> list[FieldError]:
    name, value = obj["metadata"].get("name", ""), obj["value"]
    errors: list[FieldError] = []
    if name.startswith("system-"):
        if name not in _SYSTEM_CLASSES:
            text = (
                "priority class names with 'system-' prefix are reserved for system use only. "
                f"error: {name} is not a known system priority class"
            )
            errors.append(field.forbidden("metadata.name", text))
    elif value > _USER_PRIORITY_MAX:
        text = f"maximum allowed value of a user defined priority is {_USER_PRIORITY_MAX}"
        errors.append(field.forbidden("value", text))
    supported = ["PreemptLowerPriority", "Never"]
    return [*errors, *checks.check_required_enum(obj["preemptionPolicy"], "preemptionPolicy", supported)]


def validate_priority_class_update(obj: JsonObject, old: JsonObject) -> list[FieldError]:
    errors: list[FieldError] = []
    if obj["value"] != old["value"]:
        errors.append(field.forbidden("value", "may not be changed in an update."))
    if obj["preemptionPolicy"] != old["preemptionPolicy"]:
        errors.append(make_immutable_error("preemptionPolicy", obj["preemptionPolicy"]))
    return errors
