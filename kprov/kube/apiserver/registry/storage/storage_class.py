"""Storage classes.

Source: upstream pkg/registry/storage/storageclass/strategy.go, pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec.node_label_warnings import DEPRECATED_LABELS
from kprov.kube.apiserver.registry.storage.parameters import validate_parameters, validate_provisioner
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class StorageClassStrategy(ResourceStrategy):
    returns_deleted = True

    def default(self, obj: JsonObject) -> None:
        for name, value in (("reclaimPolicy", "Delete"), ("volumeBindingMode", "Immediate")):
            if obj.get(name) is None:
                obj[name] = value

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_storage_class(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_storage_class_update(obj, old))

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return [
            f"{where}.key: {DEPRECATED_LABELS[term.get('key', '')]}"
            for path, topology in enumerate_items(obj.get("allowedTopologies"), "allowedTopologies")
            for where, term in enumerate_items(
                topology.get("matchLabelExpressions"), f"{path}.matchLabelExpressions"
            )
            if term.get("key", "") in DEPRECATED_LABELS
        ]


def validate_storage_class(obj: JsonObject) -> Errors:
    yield from validate_provisioner(obj.get("provisioner", ""), "provisioner")
    yield from validate_parameters(obj.get("parameters") or {})
    if obj["reclaimPolicy"]:
        yield from checks.check_enum(obj["reclaimPolicy"], "reclaimPolicy", ["Delete", "Retain"])
    modes = ["Immediate", "WaitForFirstConsumer"]
    yield from checks.check_enum(obj["volumeBindingMode"], "volumeBindingMode", modes)
    yield from _validate_topologies(obj.get("allowedTopologies") or ())


def _validate_topologies(terms: Sequence[JsonObject]) -> Errors:
    # As upstream, an empty term is a duplicate of the initial empty terms.
    before: list[dict[str, set[str]]] = [{} for _ in terms]
    for where, term in enumerate_items(terms, "allowedTopologies"):
        values: dict[str, set[str]] = {}
        for place, need in enumerate_items(
            term.get("matchLabelExpressions"), f"{where}.matchLabelExpressions"
        ):
            key, label_values = need.get("key", ""), need.get("values") or []
            if not label_values:
                yield field.required(f"{place}.values")
            repeats = checks.find_repeats(label_values)
            for index, (spot, value) in enumerate(enumerate_items(label_values, f"{place}.values")):
                if index in repeats:
                    yield field.duplicate(spot, value)
            yield from checks.check_value(key, f"{place}.key", names.is_qualified_name)
            if key in values:
                yield field.duplicate(f"{place}.key", key)
            values[key] = set(label_values)
        for _ in range(before.count(values)):
            yield field.duplicate(f"{where}.matchLabelExpressions", "")
        before.append(values)


def validate_storage_class_update(obj: JsonObject, old: JsonObject) -> Errors:
    yield from validate_storage_class(obj)
    parts = ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")
    yield from checks.check_immutable(obj, old, "", *parts)
