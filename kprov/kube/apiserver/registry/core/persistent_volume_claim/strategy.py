"""Persistent volume claims: defaults, and what a volume is filled from (dataSource, dataSourceRef).

Source: upstream pkg/registry/core/persistentvolumeclaim/strategy.go, pkg/apis/core/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.core.persistent_volume_claim.status import validate_claim_status
from kprov.kube.apiserver.registry.core.persistent_volume_claim.update import (
    find_claim_warnings,
    validate_claim_update,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec.volume_claim_spec import validate_claim_spec
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class PersistentVolumeClaimStrategy(ResourceStrategy):
    returns_deleted = True
    new_status: Mapping[str, Any] | None = {"phase": "Pending"}

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        if spec.get("volumeMode") is None:
            spec["volumeMode"] = "Filesystem"
        status: JsonObject = obj.setdefault("status", {})
        status["phase"] = status.get("phase") or "Pending"

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return find_claim_warnings(obj)

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        """Drop data sources that no controller would use, as upstream does."""
        super().prepare_for_create(context, obj)
        _drop_cross_namespace_source(obj["spec"])
        _drop_unknown_source(obj["spec"])
        _copy_source(obj["spec"])

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """As at creation, but only if the old claim has no data source."""
        super().prepare_for_update(context, obj, old)
        before = old["spec"]
        if before.get("dataSourceRef") is None:
            _drop_cross_namespace_source(obj["spec"])
        if before.get("dataSource") is None and before.get("dataSourceRef") is None:
            _drop_unknown_source(obj["spec"])
        _copy_source(obj["spec"])
        _copy_source(before)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_claim_status(obj))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_claim_spec(obj["spec"], "spec"))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_claim_update(obj, old))


def _drop_cross_namespace_source(spec: JsonObject) -> None:
    """Drop a source in another namespace, whose feature gate is off by default."""
    if (spec.get("dataSourceRef") or {}).get("namespace"):
        del spec["dataSourceRef"]


def _drop_unknown_source(spec: JsonObject) -> None:
    """Drop a dataSource of an unknown kind if there is no dataSourceRef."""
    source = spec.get("dataSource")
    if source is not None and spec.get("dataSourceRef") is None and not _is_known_source(source):
        del spec["dataSource"]


def _is_known_source(source: JsonObject) -> bool:
    kind = (source.get("apiGroup") or "", source.get("kind", ""))
    known = {("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot")}
    return kind in known and bool(source.get("name"))


def _copy_source(spec: JsonObject) -> None:
    """Copy dataSource to dataSourceRef or back, except from a reference to another namespace."""
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None and reference is None:
        spec["dataSourceRef"] = dict(source)
    elif reference is not None and source is None and not reference.get("namespace"):
        named = {"apiGroup", "kind", "name"}
        spec["dataSource"] = {name: value for name, value in reference.items() if name in named}
