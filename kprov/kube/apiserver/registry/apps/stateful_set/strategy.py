"""Stateful sets: defaults, generations and warnings.

Source: upstream pkg/registry/apps/statefulset/strategy.go, pkg/apis/apps/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.apps.stateful_set.validation import (
    validate_stateful_set,
    validate_stateful_set_status,
    validate_stateful_set_update,
)
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.defaulting import set_default
from kprov.kube.apiserver.registry.podspec.volume_claim_spec import find_claim_spec_warnings
from kprov.kube.apiserver.registry.podspec.workload_strategy import WorkloadStrategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class StatefulSetStrategy(WorkloadStrategy):
    check_name = staticmethod(names.is_dns1123_label)
    has_generation = True
    new_status: Mapping[str, Any] | None = {"replicas": 0, "availableReplicas": 0}

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        warnings = super().find_warnings(obj, old)
        for where, claim in checks.enumerate_items(
            obj["spec"].get("volumeClaimTemplates"), "spec.volumeClaimTemplates"
        ):
            warnings += find_claim_spec_warnings(claim["spec"], where)
        if (obj["spec"].get("revisionHistoryLimit") or 0) < 0:
            text = "a negative value retains all historical revisions; a value >= 0 is recommended"
            warnings.append(f"spec.revisionHistoryLimit: {text}")
        return warnings

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        (obj["spec"]["updateStrategy"].get("rollingUpdate") or {}).pop("maxUnavailable", None)

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """Drop maxUnavailable, whose feature is disabled, unless the old object has it."""
        before = old["spec"]["updateStrategy"].get("rollingUpdate") or {}
        if before.get("maxUnavailable") is None:
            (obj["spec"]["updateStrategy"].get("rollingUpdate") or {}).pop("maxUnavailable", None)
        super().prepare_for_update(context, obj, old)

    def default_fields(self, obj: JsonObject, spec: JsonObject) -> None:
        spec["podManagementPolicy"] = spec.get("podManagementPolicy") or "OrderedReady"
        strategy: JsonObject = spec.setdefault("updateStrategy", {})
        if not strategy.get("type"):
            strategy["type"] = "RollingUpdate"
            strategy.setdefault("rollingUpdate", {})
        if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
            set_default(strategy["rollingUpdate"], "partition", 0)
        retention: JsonObject = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
        for name in ("whenDeleted", "whenScaled"):
            retention[name] = retention.get(name) or "Retain"
        set_default(spec, "replicas", 1)
        set_default(spec, "revisionHistoryLimit", 10)
        for claim in spec.get("volumeClaimTemplates") or ():
            claim.setdefault("apiVersion", "v1")
            claim.setdefault("kind", "PersistentVolumeClaim")
            claim_spec: JsonObject = claim.setdefault("spec", {})
            set_default(claim_spec, "volumeMode", "Filesystem")
            claim.setdefault("status", {}).setdefault("phase", "Pending")

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_stateful_set(obj, self.settings))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*validate_stateful_set(obj, self.settings, old), *validate_stateful_set_update(obj, old)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_stateful_set_status(obj, old))
