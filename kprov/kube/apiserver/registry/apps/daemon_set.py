"""Daemon sets.

Source: upstream pkg/registry/apps/daemonset/strategy.go, pkg/apis/apps/v1/defaults.go,
pkg/apis/apps/validation/validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.apps.replica_counts import check_collision_count
from kprov.kube.apiserver.registry.apps.rolling_update import (
    ROLLING_UPDATE,
    check_count_or_percent,
    is_zero_amount,
)
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, check_not_negative
from kprov.kube.apiserver.registry.generic.defaulting import set_default
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.podspec import template_validation
from kprov.kube.apiserver.registry.podspec.workload_strategy import WorkloadStrategy
from kprov.kube.apiserver.registry.podspec.workload_validation import (
    check_immutable_selector,
    find_old_template,
)
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field, status
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.integers import is_int64, parse_clamped
from kprov.kube.machinery.json_object import JsonObject

_TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"


class DaemonSetStrategy(WorkloadStrategy):
    has_generation = True

    def repeats_warnings(self, obj: JsonObject, old: JsonObject) -> bool:
        different: bool = obj["spec"]["template"] != old["spec"]["template"]
        return different

    new_status: Mapping[str, Any] | None = {
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
    }

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        annotations: JsonObject = obj["metadata"].setdefault("annotations", {})
        annotations[_TEMPLATE_GENERATION] = str(max(1, _parse_template_generation(obj)))

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """Count changes of the template in the annotation that replaced the field templateGeneration."""
        super().prepare_for_update(context, obj, old)
        changed = obj["spec"]["template"] != old["spec"]["template"]
        annotations: JsonObject = obj["metadata"].setdefault("annotations", {})
        annotations[_TEMPLATE_GENERATION] = str(_parse_template_generation(old) + changed)

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_status_update(context, obj, old)
        annotations: JsonObject = obj["metadata"].setdefault("annotations", {})
        annotations[_TEMPLATE_GENERATION] = str(_parse_template_generation(old))

    def default_fields(self, obj: JsonObject, spec: JsonObject) -> None:
        obj["metadata"].setdefault("annotations", {}).setdefault(_TEMPLATE_GENERATION, "0")
        set_default(spec, "revisionHistoryLimit", 10)
        strategy: JsonObject = spec.setdefault("updateStrategy", {})
        strategy["type"] = strategy.get("type") or "RollingUpdate"
        if strategy["type"] == "RollingUpdate":
            rolling: JsonObject = strategy.setdefault("rollingUpdate", {})
            set_default(rolling, "maxUnavailable", 1)
            set_default(rolling, "maxSurge", 0)
        elif strategy.get("rollingUpdate") is not None:
            # The fields are not pointers in upstream's internal type, so they always have a value.
            set_default(strategy["rollingUpdate"], "maxUnavailable", 0)
            set_default(strategy["rollingUpdate"], "maxSurge", 0)

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_daemon_set(obj, self.settings))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*check_immutable_selector(obj, old), *validate_daemon_set(obj, self.settings, old)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_daemon_set_status(obj, old))


def validate_daemon_set(obj: JsonObject, settings: ServerSettings, old: JsonObject | None = None) -> Errors:
    """Field rules. old: the object before an update; invalid values of its selector may stay."""
    spec, path = obj["spec"], "spec.updateStrategy"
    any_values = checks.has_invalid_selector_values(((old or {}).get("spec") or {}).get("selector"))
    yield from checks.check_label_selector(spec.get("selector"), "spec.selector", any_values=any_values)
    if template_validation.is_selector_matching(spec) is False:
        yield template_validation.make_mismatch_error(spec)
    selector = spec.get("selector")
    if selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield field.invalid("spec.selector", selector, "empty selector is invalid for daemonset")
    yield from template_validation.validate_template(
        spec["template"], "spec.template", settings, find_old_template(old)
    )
    yield from template_validation.validate_restart_always(spec["template"], "DaemonSet", "spec.template")
    yield from check_not_negative(spec, "spec", "minReadySeconds")
    strategy: JsonObject = spec["updateStrategy"]
    if strategy["type"] == ROLLING_UPDATE:
        yield from _validate_rolling_update(strategy["rollingUpdate"], f"{path}.rollingUpdate")
    elif strategy["type"] != "OnDelete":
        yield field.not_supported(path, strategy, [ROLLING_UPDATE, "OnDelete"])
    yield from check_not_negative(spec, "spec", "revisionHistoryLimit")


def _validate_rolling_update(rolling: JsonObject, path: str) -> Errors:
    unavailable, surge = rolling["maxUnavailable"], rolling["maxSurge"]
    yield from check_count_or_percent(unavailable, f"{path}.maxUnavailable")
    yield from check_count_or_percent(surge, f"{path}.maxSurge")
    yield from checks.check_at_most_100_percent(unavailable, f"{path}.maxUnavailable")
    yield from checks.check_at_most_100_percent(surge, f"{path}.maxSurge")
    if not is_zero_amount(unavailable) and not is_zero_amount(surge):
        yield field.invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero")
    elif is_zero_amount(unavailable) and is_zero_amount(surge):
        yield field.required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def validate_daemon_set_status(obj: JsonObject, old: JsonObject) -> Errors:
    status = obj.get("status") or {}
    yield from check_not_negative(
        status,
        "status",
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    )
    yield from check_collision_count(status, old)


def _parse_template_generation(obj: JsonObject) -> int:
    """Read the template generation from its annotation. Raises BadRequest if it is no number."""
    text = (obj["metadata"].get("annotations") or {}).get(_TEMPLATE_GENERATION, "0")
    if not re.fullmatch("[+-]?[0-9]+", text):
        told = f"strconv.ParseInt: parsing {status.quoted(text)}: invalid syntax"
        raise status.bad_request(f'DaemonSet in version "v1" cannot be handled as a DaemonSet: {told}')
    if not is_int64(text):
        told = f"strconv.ParseInt: parsing {status.quoted(text)}: value out of range"
        raise status.bad_request(f'DaemonSet in version "v1" cannot be handled as a DaemonSet: {told}')
    return parse_clamped(text)
