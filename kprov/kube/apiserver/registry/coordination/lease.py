"""Leases.

Source: upstream pkg/registry/coordination/lease/strategy.go, pkg/apis/coordination/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class LeaseStrategy(ResourceStrategy):
    requires_known_finalizers = False
    allow_create_on_update = True
    allow_unconditional_update = False

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return validate_lease(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return validate_lease(obj)

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        _drop_coordination_fields(obj)

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        _drop_coordination_fields(obj)


def validate_lease(obj: JsonObject) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if seconds is not None and seconds <= 0:
        errors.append(field.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        text = "must be greater than or equal to 0"
        errors.append(field.invalid("spec.leaseTransitions", transitions, text))
    return errors


def _drop_coordination_fields(obj: JsonObject) -> None:
    """Drop the fields of coordinated leader election, whose feature gate is off by default."""
    for part in ("strategy", "preferredHolder"):
        (obj.get("spec") or {}).pop(part, None)
