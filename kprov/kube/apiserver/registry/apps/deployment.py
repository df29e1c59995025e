"""Deployments.

Source: upstream pkg/registry/apps/deployment/strategy.go, pkg/apis/apps/v1/defaults.go,
pkg/apis/apps/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Mapping

from kprov.kube.apiserver.registry.apps.replica_counts import (
    check_at_most_replicas,
    check_available_are_ready,
    check_collision_count,
)
from kprov.kube.apiserver.registry.apps.rolling_update import (
    ROLLING_UPDATE,
    check_count_or_percent,
    is_zero_amount,
)
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, check_not_negative
from kprov.kube.apiserver.registry.generic.defaulting import set_default
from kprov.kube.apiserver.registry.generic.resource_strategy import SPEC_PATHS, is_metadata_changed
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.podspec import template_validation
from kprov.kube.apiserver.registry.podspec.workload_strategy import WorkloadStrategy
from kprov.kube.apiserver.registry.podspec.workload_validation import (
    check_immutable_selector,
    find_old_template,
    validate_replicated_template,
)
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path


class DeploymentStrategy(WorkloadStrategy):
    names_pods = True
    reset_fields: Mapping[str, tuple[Path, ...]] = {"status": (*SPEC_PATHS, ("f:metadata", "f:labels"))}
    has_generation = True
    fixed_in_status_update = ("labels",)

    def default_fields(self, obj: JsonObject, spec: JsonObject) -> None:
        set_default(spec, "replicas", 1)
        set_default(spec, "revisionHistoryLimit", 10)
        set_default(spec, "progressDeadlineSeconds", 600)
        strategy: JsonObject = spec.setdefault("strategy", {})
        strategy["type"] = strategy.get("type") or "RollingUpdate"
        if strategy["type"] == "RollingUpdate":
            rolling: JsonObject = strategy.setdefault("rollingUpdate", {})
            set_default(rolling, "maxUnavailable", "25%")
            set_default(rolling, "maxSurge", "25%")

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_deployment(obj, self.settings))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*validate_deployment(obj, self.settings, old), *check_immutable_selector(obj, old)]

    def raises_generation(self, obj: JsonObject, old: JsonObject) -> bool:
        """Compare annotations as well, because replica sets get a copy of them."""
        return super().raises_generation(obj, old) or is_metadata_changed(obj, old, "annotations")

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_deployment_status(obj, old))


def validate_deployment(obj: JsonObject, settings: ServerSettings, old: JsonObject | None = None) -> Errors:
    spec = obj["spec"]
    yield from check_not_negative(spec, "spec", "replicas")
    yield from template_validation.validate_selector(spec, "deployment")
    yield from validate_replicated_template(spec, settings, find_old_template(old))
    yield from _validate_strategy(spec["strategy"])
    yield from check_not_negative(
        spec, "spec", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"
    )
    if spec["progressDeadlineSeconds"] <= (spec.get("minReadySeconds") or 0):
        path = "spec.progressDeadlineSeconds"
        yield field.invalid(path, spec["progressDeadlineSeconds"], "must be greater than minReadySeconds")


def _validate_strategy(strategy: JsonObject) -> Errors:
    path = "spec.strategy.rollingUpdate"
    rolling: JsonObject = strategy.get("rollingUpdate") or {}
    if strategy["type"] == "Recreate":
        if strategy.get("rollingUpdate") is not None:
            text = "may not be specified when strategy `type` is 'Recreate'"
            yield field.forbidden(path, text)
    elif strategy["type"] == ROLLING_UPDATE:
        unavailable, surge = rolling["maxUnavailable"], rolling["maxSurge"]
        yield from check_count_or_percent(unavailable, f"{path}.maxUnavailable")
        yield from check_count_or_percent(surge, f"{path}.maxSurge")
        if is_zero_amount(unavailable) and is_zero_amount(surge):
            yield field.invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
        yield from checks.check_at_most_100_percent(unavailable, f"{path}.maxUnavailable")
    else:
        yield field.not_supported("spec.strategy", strategy, ["Recreate", ROLLING_UPDATE])


def validate_deployment_status(obj: JsonObject, old: JsonObject) -> Errors:
    status = obj.get("status") or {}
    yield from check_not_negative(
        status,
        "status",
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    )
    yield from check_at_most_replicas(status, "updatedReplicas", "readyReplicas", "availableReplicas")
    yield from check_available_are_ready(status, "readyReplicas")
    yield from check_collision_count(status, old)
