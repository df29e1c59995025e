"""Device classes.

Source: upstream pkg/registry/resource/deviceclass/strategy.go,
pkg/apis/resource/validation/validation.go (validateDeviceClassSpec).
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec import resources as container_resources
from kprov.kube.apiserver.registry.resource.device_lists import check_limited_list
from kprov.kube.apiserver.registry.resource.device_parameters import CONFIG_MAX, validate_configuration
from kprov.kube.apiserver.registry.resource.device_selector import SELECTORS_MAX, validate_selector
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class DeviceClassStrategy(ResourceStrategy):
    has_generation = True
    returns_deleted = True

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*validate_device_class(_read_spec(obj), None)]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*validate_device_class(_read_spec(obj), _read_spec(old))]


def validate_device_class(spec: JsonObject, before: JsonObject | None) -> Errors:
    """Field rules of a device class. before: the old spec."""
    yield from check_limited_list(spec.get("selectors"), "spec.selectors", SELECTORS_MAX, validate_selector)
    config = spec.get("config")
    stored = before is not None and (config or []) == (before.get("config") or [])

    def rule(configuration: JsonObject, path: str) -> Errors:
        yield from validate_configuration(configuration, path, stored=stored)

    yield from check_limited_list(config, "spec.config", CONFIG_MAX, rule)
    name = spec.get("extendedResourceName")
    if name is not None and not container_resources.is_extended(name):
        yield field.invalid("spec.extendedResourceName", name, "must be a valid extended resource name")


def _read_spec(obj: JsonObject) -> JsonObject:
    return obj.get("spec") or {}
