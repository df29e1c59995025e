"""CSI storage capacities.

Source: upstream pkg/registry/storage/csistoragecapacity/strategy.go,
pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, parse_nanos
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec import node_label_warnings
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class CsiStorageCapacityStrategy(ResourceStrategy):
    allow_unconditional_update = False

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return list(node_label_warnings.find_node_topology_warnings(obj.get("nodeTopology")))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_storage_capacity(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_storage_capacity(obj, old))


def validate_storage_capacity(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    keeps = checks.is_invalid_selector((old or {}).get("nodeTopology"))
    yield from checks.check_label_selector(obj.get("nodeTopology"), "nodeTopology", any_values=keeps)
    name = obj.get("storageClassName", "")
    yield from checks.check_value(name, "storageClassName", names.is_dns1123_subdomain)
    if obj.get("capacity") is not None and parse_nanos(obj["capacity"]) < 0:
        yield field.invalid("capacity", obj["capacity"], checks.NOT_NEGATIVE)
    if old is not None:
        yield from checks.check_immutable(obj, old, "", "nodeTopology", "storageClassName")
