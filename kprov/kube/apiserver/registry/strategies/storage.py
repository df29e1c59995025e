"""Volumes, claims and what they are made from.

Source: upstream pkg/apis/core/v1/defaults.go, pkg/apis/storage/v1/defaults.go, pkg/registry/{core,storage}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.core.persistent_volume import validation as persistent_volume_validation
from kprov.kube.apiserver.registry.core.persistent_volume_claim import validation as claim_validation
from kprov.kube.apiserver.registry.generic.checks import each
from kprov.kube.apiserver.registry.generic.resource_strategy import ALL_METADATA, ResourceStrategy
from kprov.kube.apiserver.registry.podspec import node_label_warnings
from kprov.kube.apiserver.registry.podspec.node_label_warnings import DEPRECATED_LABELS
from kprov.kube.apiserver.registry.podspec.volume_defaults import default_source
from kprov.kube.apiserver.registry.strategies import storage_rules as rules
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

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return list(node_label_warnings.persistent_volume(obj))

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """When a volume came into the phase it is in."""
        super().prepare_for_status_update(context, obj, old)
        status, before = obj.setdefault("status", {}), old.get("status") or {}
        given, known = status.get("lastPhaseTransitionTime"), before.get("lastPhaseTransitionTime")
        if status.get("phase") == before.get("phase"):
            if given is None and known is not None:
                status["lastPhaseTransitionTime"] = known
        elif given in (None, known):
            # Who changes the phase may say when that was.
            status["lastPhaseTransitionTime"] = timestamps.now()

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(persistent_volume_validation.persistent_volume(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(persistent_volume_validation.persistent_volume_update(obj, old))


class PersistentVolumeClaimStrategy(ResourceStrategy):
    returns_deleted = True
    new_status: Mapping[str, Any] | None = {"phase": "Pending"}

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        if spec.get("volumeMode") is None:
            spec["volumeMode"] = "Filesystem"
        status: JsonObject = obj.setdefault("status", {})
        status["phase"] = status.get("phase") or "Pending"

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return claim_validation.claim_warnings(obj)

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        """A source that no controller would fill a volume from is left out, as upstream does."""
        super().prepare_for_create(context, obj)
        _leave_out_foreign_source(obj["spec"])
        _leave_out_source(obj["spec"])
        _copy_source(obj["spec"])

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """As at creation, unless the claim has a source: then the old one counts."""
        super().prepare_for_update(context, obj, old)
        before = old["spec"]
        if before.get("dataSourceRef") is None:
            _leave_out_foreign_source(obj["spec"])
        if before.get("dataSource") is None and before.get("dataSourceRef") is None:
            _leave_out_source(obj["spec"])
        _copy_source(obj["spec"])
        _copy_source(before)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(claim_validation.claim_status(obj))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(claim_validation.claim_spec(obj["spec"], "spec"))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(claim_validation.claim_update(obj, old))


def _leave_out_foreign_source(spec: JsonObject) -> None:
    """A source in another namespace is a feature that is off unless a gate says otherwise."""
    if (spec.get("dataSourceRef") or {}).get("namespace"):
        del spec["dataSourceRef"]


def _leave_out_source(spec: JsonObject) -> None:
    """A client that knows dataSourceRef means what it says."""
    source = spec.get("dataSource")
    if source is not None and spec.get("dataSourceRef") is None and not _is_known_source(source):
        del spec["dataSource"]


def _is_known_source(source: JsonObject) -> bool:
    kind = (source.get("apiGroup") or "", source.get("kind", ""))
    known = {("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot")}
    return kind in known and bool(source.get("name"))


def _copy_source(spec: JsonObject) -> None:
    """DataSource and dataSourceRef say the same, unless the second names another namespace."""
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None and reference is None:
        spec["dataSourceRef"] = dict(source)
    elif reference is not None and source is None and not reference.get("namespace"):
        named = {"apiGroup", "kind", "name"}
        spec["dataSource"] = {name: value for name, value in reference.items() if name in named}


class StorageClassStrategy(ResourceStrategy):
    returns_deleted = True

    def default(self, obj: JsonObject) -> None:
        for name, value in (("reclaimPolicy", "Delete"), ("volumeBindingMode", "Immediate")):
            if obj.get(name) is None:
                obj[name] = value

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(rules.storage_class(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(rules.storage_class_update(obj, old))

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return [
            f"{where}.key: {DEPRECATED_LABELS[term.get('key', '')]}"
            for path, topology in each(obj.get("allowedTopologies"), "allowedTopologies")
            for where, term in each(topology.get("matchLabelExpressions"), f"{path}.matchLabelExpressions")
            if term.get("key", "") in DEPRECATED_LABELS
        ]


class CsiDriverStrategy(ResourceStrategy):
    returns_deleted = True
    allow_unconditional_update = False

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
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

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        spec, before = obj["spec"], (old or {"spec": {}})["spec"]
        if (before.get("tokenRequests") or []) == (spec.get("tokenRequests") or []):
            return []
        if not spec.get("tokenRequests") or spec.get("serviceAccountTokenInSecrets") is not None:
            return []
        text = (
            "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to "
            "prevent possible logging of tokens in volume attributes"
        )
        return [text]

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """Generations begin with the first change, as upstream counts them."""
        super().prepare_for_update(context, obj, old)
        if self.is_new_generation(obj, old):
            obj["metadata"]["generation"] = (old["metadata"].get("generation") or 0) + 1

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(rules.csi_driver(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(rules.csi_driver_update(obj, old))


class CsiNodeStrategy(ResourceStrategy):
    returns_deleted = True
    allow_unconditional_update = False

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(rules.csi_node(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(rules.csi_node_update(obj, old))


class CsiStorageCapacityStrategy(ResourceStrategy):
    allow_unconditional_update = False

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return list(node_label_warnings.node_topology(obj.get("nodeTopology")))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(rules.storage_capacity(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(rules.storage_capacity(obj, old))


class VolumeAttributesClassStrategy(ResourceStrategy):
    returns_deleted = True

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(rules.attributes_class(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(rules.attributes_class_update(obj, old))


class VolumeAttachmentStrategy(ResourceStrategy):
    returns_deleted = True
    allow_unconditional_update = False
    status_keeps = ALL_METADATA
    new_status: Mapping[str, Any] | None = {"attached": False}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(rules.volume_attachment(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(rules.volume_attachment_update(obj, old))

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(rules.attachment_status(obj))
