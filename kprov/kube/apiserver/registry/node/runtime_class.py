"""Runtime classes.

Source: upstream pkg/registry/node/runtimeclass/strategy.go, pkg/apis/node/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec import node_label_warnings
from kprov.kube.apiserver.registry.podspec.resources import validate_container_resources
from kprov.kube.apiserver.registry.podspec.scheduling import validate_tolerations
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class RuntimeClassStrategy(ResourceStrategy):
    requires_known_finalizers = False
    allow_create_on_update = True
    allow_unconditional_update = False

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return list(node_label_warnings.find_runtime_class_warnings(obj))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_runtime_class(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_runtime_class_update(obj, old))


def validate_runtime_class(obj: JsonObject) -> Errors:
    yield from checks.check_required_field(obj, "", "handler", names.is_dns1123_label)
    overhead = (obj.get("overhead") or {}).get("podFixed")
    if overhead:
        yield from validate_container_resources({"limits": overhead}, (), "overhead")
    scheduling = obj.get("scheduling") or {}
    yield from checks.check_labels(scheduling.get("nodeSelector"), "scheduling.nodeSelector")
    yield from validate_tolerations(scheduling.get("tolerations"), "scheduling.tolerations")
    seen: list[JsonObject] = []
    for where, toleration in enumerate_items(scheduling.get("tolerations"), "scheduling.tolerations"):
        parts = ("key", "operator", "value", "effect")
        known = {part: toleration.get(part, "") for part in parts}
        if known in seen:
            shown = known | {"tolerationSeconds": toleration.get("tolerationSeconds")}
            yield field.duplicate(where, shown)
        seen.append(known)


def validate_runtime_class_update(obj: JsonObject, old: JsonObject) -> Errors:
    yield from validate_runtime_class(obj)
    yield from checks.check_immutable(obj, old, "", "handler")
