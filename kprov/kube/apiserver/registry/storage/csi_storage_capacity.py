"""CSI storage capacities.

Source: upstream pkg/registry/storage/csistoragecapacity/strategy.go,
pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, nanos
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec import node_label_warnings
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class CsiStorageCapacityStrategy(ResourceStrategy):
    allow_unconditional_update = False

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return list(node_label_warnings.node_topology(obj.get("nodeTopology")))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_storage_capacity(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_storage_capacity(obj, old))


def validate_storage_capacity(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    keeps = checks.is_wrong((old or {}).get("nodeTopology"))
    yield from checks.label_selector(obj.get("nodeTopology"), "nodeTopology", any_values=keeps)
    name = obj.get("storageClassName", "")
    yield from checks.named(name, "storageClassName", names.is_dns1123_subdomain)
    if obj.get("capacity") is not None and nanos(obj["capacity"]) < 0:
        yield field.invalid("capacity", obj["capacity"], checks.NOT_NEGATIVE)
    if old is not None:
        yield from checks.immutable(obj, old, "", "nodeTopology", "storageClassName")
