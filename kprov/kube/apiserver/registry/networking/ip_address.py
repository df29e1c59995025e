"""IP addresses of services.

Source: upstream pkg/registry/networking/ipaddress/strategy.go, pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, make_immutable_error
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class IpAddressStrategy(ResourceStrategy):
    @staticmethod
    def check_name(name: str, /) -> list[str]:
        """Any name: `validate` checks that it is an address."""
        del name
        return []

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_ip_address(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        wanted, had = obj["spec"].get("parentRef"), old["spec"].get("parentRef")
        errors = list(validate_ip_address(obj))
        return errors if wanted == had else [*errors, make_immutable_error("spec.parentRef", wanted)]


def validate_ip_address(obj: JsonObject) -> Errors:
    name = obj["metadata"].get("name", "")
    parent = (obj.get("spec") or {}).get("parentRef")
    if name:
        yield from addresses.check_canonical_ip_address(name, "metadata.name")
    if parent is None:
        yield field.required("spec.parentRef")
        return
    if parent.get("group"):
        yield from checks.check_value(parent["group"], "spec.parentRef.group", names.is_dns1123_subdomain)
    yield from checks.check_required_field(parent, "spec.parentRef", "resource", names.is_path_segment_name)
    yield from checks.check_required_field(parent, "spec.parentRef", "name", names.is_path_segment_name)
    yield from checks.check_optional_field(parent, "spec.parentRef", "namespace", names.is_path_segment_name)
