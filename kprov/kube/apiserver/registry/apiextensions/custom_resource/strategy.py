"""The rules of the objects of one definition.

Source: apiextensions-apiserver/pkg/registry/customresource/{strategy,status_strategy,validator}.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.apiextensions.custom_resource import json_path
from kprov.kube.apiserver.registry.apiextensions.custom_resource.rules import RuleSet
from kprov.kube.apiserver.registry.apiextensions.custom_resource.scale import ScalePaths
from kprov.kube.apiserver.registry.generic import metadata
from kprov.kube.apiserver.registry.generic.resource_strategy import (
    ALL_METADATA,
    ResourceStrategy,
    select_desired_fields,
)
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema.custom.custom_types import CustomTypes


class CustomResourceStrategy(ResourceStrategy):
    new_status = None
    has_generation = True
    requires_known_finalizers = False
    allow_unconditional_update = False
    is_custom = True
    fixed_in_status_update = ALL_METADATA

    def __init__(
        self,
        resource: Resource,
        types: CustomTypes,
        fields: Mapping[str, json_path.Path],
        scale: ScalePaths | None,
    ) -> None:
        """fields: for field selectors, by their names. scale: of the subresource, if there is one."""
        super().__init__(resource)
        self.types = types
        self._rules = RuleSet(types.structural)
        self._fields = fields
        self.scale = scale

    def raises_generation(self, obj: JsonObject, old: JsonObject) -> bool:
        if self.has_status:
            return super().raises_generation(obj, old)
        return _select_fields(obj) != _select_fields(old)

    def default(self, obj: JsonObject) -> None:
        self.types.default(obj)

    def validate(self, obj: JsonObject) -> list[FieldError]:
        errors = self.types.validate(obj, check_metadata=metadata.validate_common_metadata)
        errors += self._rules.check(obj, None, errors)
        return errors if errors or self.scale is None else self.scale.validate(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        errors = self.types.validate(obj, old, check_metadata=metadata.validate_common_metadata)
        errors += self._rules.check(obj, old, errors)
        return errors if errors or self.scale is None else self.scale.validate(obj)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        errors = self.types.validate_status(obj, old)
        errors += self._rules.check(obj, old, errors)
        return errors if errors or self.scale is None else self.scale.validate(obj)

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        return {name: json_path.find_text(path, obj) for name, path in self._fields.items()}


def _select_fields(obj: JsonObject) -> dict[str, Any]:
    """Everything but apiVersion, kind and metadata. Without /status, the status is a field as any other."""
    status = obj.get("status")
    return select_desired_fields(obj) | ({} if status is None else {"status": status})
