"""Volumes, claims and what they are made from.

Source: upstream pkg/apis/core/v1/defaults.go, pkg/apis/storage/v1/defaults.go, pkg/registry/{core,storage}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.strategies import claim_rules, persistent_volume_rules
from kprov.kube.apiserver.registry.strategies import storage_rules as rules
from kprov.kube.apiserver.registry.strategies.generic import ResourceStrategy
from kprov.kube.machinery.field import FieldError

Object = dict[str, Any]


class PersistentVolumeStrategy(ResourceStrategy):
    new_status: Mapping[str, Any] | None = {"phase": "Pending"}

    def default(self, obj: Object) -> None:
        spec: Object = obj.setdefault("spec", {})
        spec["persistentVolumeReclaimPolicy"] = spec.get("persistentVolumeReclaimPolicy") or "Retain"
        spec["volumeMode"] = spec.get("volumeMode") or "Filesystem"
        host_path = spec.get("hostPath")
        if host_path and host_path.get("type") is None:
            host_path["type"] = ""
        status: Object = obj.setdefault("status", {})
        status["phase"] = status.get("phase") or "Pending"

    def validate(self, obj: Object) -> list[FieldError]:
        return list(persistent_volume_rules.persistent_volume(obj))

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        return list(persistent_volume_rules.persistent_volume_update(obj, old))


class PersistentVolumeClaimStrategy(ResourceStrategy):
    new_status: Mapping[str, Any] | None = {"phase": "Pending"}

    def default(self, obj: Object) -> None:
        spec: Object = obj.setdefault("spec", {})
        spec["volumeMode"] = spec.get("volumeMode") or "Filesystem"
        status: Object = obj.setdefault("status", {})
        status["phase"] = status.get("phase") or "Pending"
        source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
        if source and not reference:
            spec["dataSourceRef"] = dict(source)
        elif reference and not source and not reference.get("namespace"):
            spec["dataSource"] = {
                name: value for name, value in reference.items() if name in {"apiGroup", "kind", "name"}
            }

    def validate(self, obj: Object) -> list[FieldError]:
        return list(claim_rules.claim_spec(obj["spec"], "spec"))

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        return list(claim_rules.claim_update(obj, old))


class StorageClassStrategy(ResourceStrategy):
    def default(self, obj: Object) -> None:
        obj["reclaimPolicy"] = obj.get("reclaimPolicy") or "Delete"
        obj["volumeBindingMode"] = obj.get("volumeBindingMode") or "Immediate"

    def validate(self, obj: Object) -> list[FieldError]:
        return rules.storage_class(obj)

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        return rules.storage_class_update(obj, old)


class CsiDriverStrategy(ResourceStrategy):
    def default(self, obj: Object) -> None:
        spec: Object = obj.setdefault("spec", {})
        for name, value in (
            ("attachRequired", True),
            ("podInfoOnMount", False),
            ("storageCapacity", False),
            ("fsGroupPolicy", "ReadWriteOnceWithFSType"),
            ("requiresRepublish", False),
            ("seLinuxMount", False),
        ):
            if spec.get(name) is None:
                spec[name] = value
        if not spec.get("volumeLifecycleModes"):
            spec["volumeLifecycleModes"] = ["Persistent"]


class VolumeAttachmentStrategy(ResourceStrategy):
    new_status: Mapping[str, Any] | None = {"attached": False}

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        return rules.immutable(obj, old, "spec")
