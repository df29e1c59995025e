"""Nodes: defaults, and fields that no longer have an effect.

Source: upstream pkg/registry/core/node/strategy.go.
"""

from __future__ import annotations

from collections.abc import Mapping

from kprov.kube.apiserver.registry.core.node import validation as node_validation
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class NodeStrategy(ResourceStrategy):
    storage_folder = "minions"

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        # podCIDR and the first of podCIDRs must be equal; podCIDR wins.
        ranges = spec.get("podCIDRs")
        if spec.get("podCIDR") and (not ranges or ranges[0] != spec["podCIDR"]):
            spec["podCIDRs"] = [spec["podCIDR"]]
        elif ranges:
            spec["podCIDR"] = ranges[0]
        status = obj.get("status") or {}
        if status.get("capacity") and not status.get("allocatable"):
            status["allocatable"] = dict(status["capacity"])

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        """Keep the status: a kubelet registers its node together with it."""
        _drop_config_source(obj)

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        _drop_config_source(obj)

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_status_update(context, obj, old)
        _drop_config_source(obj)

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        spec = obj.get("spec") or {}
        return {"spec.unschedulable": "true" if spec.get("unschedulable") else "false"}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(node_validation.validate_node(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*node_validation.validate_node(obj), *node_validation.validate_node_update(obj, old)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(node_validation.validate_node_update(obj, old))

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        if not (obj.get("spec") or {}).get("externalID"):
            return []
        return ["spec.externalID: this field is deprecated, and is unused by Kubernetes"]


def _drop_config_source(obj: JsonObject) -> None:
    """Drop the fields of dynamic kubelet configuration, which was removed."""
    (obj.get("spec") or {}).pop("configSource", None)
    (obj.get("status") or {}).pop("config", None)
