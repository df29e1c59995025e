"""Persistent volumes: defaults and the time of the last change of phase.

Source: upstream pkg/registry/core/persistentvolume/strategy.go, pkg/apis/core/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.core.persistent_volume import validation as persistent_volume_validation
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec import node_label_warnings
from kprov.kube.apiserver.registry.podspec.volume_defaults import default_source
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class PersistentVolumeStrategy(ResourceStrategy):
    returns_deleted = True
    new_status: Mapping[str, Any] | None = {"phase": "Pending"}

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        spec["persistentVolumeReclaimPolicy"] = spec.get("persistentVolumeReclaimPolicy") or "Retain"
        if spec.get("volumeMode") is None:
            spec["volumeMode"] = "Filesystem"
        for kind, source in spec.items():
            if isinstance(source, dict):
                default_source(kind, source)
        status: JsonObject = obj.setdefault("status", {})
        status["phase"] = status.get("phase") or "Pending"

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        obj["status"]["lastPhaseTransitionTime"] = timestamps.now()

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return list(node_label_warnings.find_persistent_volume_warnings(obj))

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """Set lastPhaseTransitionTime when the phase changes."""
        super().prepare_for_status_update(context, obj, old)
        status, before = obj.setdefault("status", {}), old.get("status") or {}
        transition_time, known = status.get("lastPhaseTransitionTime"), before.get("lastPhaseTransitionTime")
        if status.get("phase") == before.get("phase"):
            if transition_time is None and known is not None:
                status["lastPhaseTransitionTime"] = known
        elif transition_time in (None, known):
            # A client that changes the phase may set the time.
            status["lastPhaseTransitionTime"] = timestamps.now()

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(persistent_volume_validation.validate_persistent_volume(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(persistent_volume_validation.validate_persistent_volume_update(obj, old))
