"""Controller revisions.

Source: upstream pkg/registry/apps/controllerrevision/strategy.go, pkg/apis/apps/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class ControllerRevisionStrategy(ResourceStrategy):
    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_controller_revision(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_controller_revision_update(obj, old))


def validate_controller_revision(obj: JsonObject) -> Errors:
    if (obj.get("revision") or 0) < 0:
        yield field.invalid("revision", obj["revision"], checks.NOT_NEGATIVE)
    data = obj.get("data")
    if data is None:
        yield field.required("data", "data is mandatory")
    elif not isinstance(data, dict):
        yield field.required("data", "data must be a valid JSON object")


def validate_controller_revision_update(obj: JsonObject, old: JsonObject) -> Errors:
    if (obj.get("revision") or 0) < 0:
        yield field.invalid("revision", obj["revision"], checks.NOT_NEGATIVE)
    if obj.get("data") != old.get("data"):
        yield field.invalid("data", obj.get("data"), checks.IMMUTABLE)
