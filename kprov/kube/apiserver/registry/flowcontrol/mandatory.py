"""Rules that flow schemas and priority levels share: mandatory objects and conditions.

Source: upstream pkg/apis/flowcontrol/v1/defaults.go, pkg/apis/flowcontrol/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.flowcontrol import bootstrap_objects
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject


def find_mandatory_spec(
    plural: str, obj: JsonObject, strategy: ResourceStrategy
) -> tuple[str, JsonObject | None]:
    """Return the name of the object, and the fixed spec if the object is mandatory."""
    name = obj["metadata"].get("name", "")
    if name not in bootstrap_objects.MANDATORY:
        return name, None
    for kind, wanted in bootstrap_objects.load_objects():
        if kind == plural and wanted["metadata"]["name"] == name:
            strategy.default(wanted)
            return name, wanted["spec"]
    return name, None


def validate_status(obj: JsonObject) -> Errors:
    seen: set[str] = set()
    for where, condition in enumerate_items((obj.get("status") or {}).get("conditions"), "status.conditions"):
        kind = condition.get("type", "")
        if kind in seen:
            yield field.duplicate(f"{where}.type", kind)
        seen.add(kind)
        if not kind:
            yield field.required(f"{where}.type")
