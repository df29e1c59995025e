"""Replica sets.

Source: upstream pkg/registry/apps/replicaset/strategy.go, pkg/apis/apps/v1/defaults.go,
pkg/apis/apps/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.apps.replica_counts import (
    check_at_most_replicas,
    check_available_are_ready,
)
from kprov.kube.apiserver.registry.generic.checks import Errors, check_not_negative
from kprov.kube.apiserver.registry.generic.defaulting import set_default
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.podspec import template_validation
from kprov.kube.apiserver.registry.podspec.workload_strategy import WorkloadStrategy
from kprov.kube.apiserver.registry.podspec.workload_validation import (
    check_immutable_selector,
    find_old_template,
    validate_replicated_template,
)
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class ReplicaSetStrategy(WorkloadStrategy):
    names_pods = True
    has_generation = True
    new_status: Mapping[str, Any] | None = {"replicas": 0}

    def default_fields(self, obj: JsonObject, spec: JsonObject) -> None:
        set_default(spec, "replicas", 1)

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        return {"status.replicas": str((obj.get("status") or {}).get("replicas", 0))}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_replica_set(obj, self.settings))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*validate_replica_set(obj, self.settings, old), *check_immutable_selector(obj, old)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_replica_set_status(obj))


def validate_replica_set(obj: JsonObject, settings: ServerSettings, old: JsonObject | None = None) -> Errors:
    spec = obj["spec"]
    yield from check_not_negative(spec, "spec", "replicas", "minReadySeconds")
    # The text says deployment, as upstream's does.
    yield from template_validation.validate_selector(spec, "deployment")
    yield from validate_replicated_template(spec, settings, find_old_template(old))


def validate_replica_set_status(obj: JsonObject) -> Errors:
    """Field rules of the status of replica sets and of replication controllers."""
    status = obj.get("status") or {}
    yield from check_not_negative(
        status,
        "status",
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
        "terminatingReplicas",
    )
    yield from check_at_most_replicas(status, "fullyLabeledReplicas", "readyReplicas", "availableReplicas")
    yield from check_available_are_ready(status, "readyReplicas")
