"""Pod disruption budgets.

Source: upstream pkg/registry/policy/poddisruptionbudget/strategy.go,
pkg/apis/policy/validation/validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, check_not_negative
from kprov.kube.apiserver.registry.generic.conditions import validate_conditions
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.integers import parse_clamped
from kprov.kube.machinery.json_object import JsonObject


class PodDisruptionBudgetStrategy(ResourceStrategy):
    check_name = staticmethod(names.is_path_segment_name)
    any_finalizer_updates = frozenset({"", "status"})
    has_generation = True
    allow_unconditional_update = False
    new_status: Mapping[str, Any] | None = {
        "disruptionsAllowed": 0,
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "expectedPods": 0,
    }

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return validate_disruption_budget(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return validate_disruption_budget(obj, old)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_disruption_budget_status(obj))


def validate_disruption_budget(obj: JsonObject, old: JsonObject | None = None) -> list[FieldError]:
    """Field rules. old: the object before an update; invalid values of its selector may stay."""
    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        errors.append(field.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"))
    for name in ("minAvailable", "maxUnavailable"):
        if spec.get(name) is not None:
            errors += _validate_int_or_percent(f"spec.{name}", spec[name])
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in {"AlwaysAllow", "IfHealthyBudget"}:
        supported = ["AlwaysAllow", "IfHealthyBudget"]
        errors.append(field.not_supported("spec.unhealthyPodEvictionPolicy", policy, supported))
    keeps = checks.is_invalid_selector(((old or {}).get("spec") or {}).get("selector"))
    return [*errors, *checks.check_label_selector(spec.get("selector"), "spec.selector", any_values=keeps)]


def _validate_int_or_percent(path: str, value: Any) -> list[FieldError]:
    """Check a number of at least 0 or a percentage up to 100%."""
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9]+)%", value)
        if match is None:
            return [
                field.invalid(path, value, text)
                for text in names.is_percent(value) or ["must be an integer or percentage (e.g '5%%')"]
            ]
        return (
            []
            if parse_clamped(match[1]) <= 100
            else [field.invalid(path, value, "must not be greater than 100%")]
        )
    if value < 0:
        return [field.invalid(path, value, "must be greater than or equal to 0")]
    return []


def validate_disruption_budget_status(obj: JsonObject) -> Errors:
    status = obj.get("status") or {}
    yield from validate_conditions(status.get("conditions"), "status.conditions")
    counts = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    yield from check_not_negative(status, "status", *counts)
