"""Endpoint slices.

Source: upstream pkg/registry/discovery/endpointslice/strategy.go,
pkg/apis/discovery/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items, make_immutable_error
from kprov.kube.apiserver.registry.generic.defaulting import set_default
from kprov.kube.apiserver.registry.generic.endpoint_address import check_endpoint_ip
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy, is_metadata_changed
from kprov.kube.apiserver.registry.podspec.containers import PROTOCOLS
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_FAMILIES: Final = ["FQDN", "IPv4", "IPv6"]
_MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
_CONTROLLERS: Final = {"endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"}
_ENDPOINTS_MAX, _ADDRESSES_MAX, _PORTS_MAX, _HINTS_MAX = 1000, 100, 20000, 8


class EndpointSliceStrategy(ResourceStrategy):
    has_generation = True

    def default(self, obj: JsonObject) -> None:
        for port in obj.get("ports") or ():
            set_default(port, "name", "")
            set_default(port, "protocol", "TCP")

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        _drop_deprecated_topology(obj)

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        # A dropped field raises the generation, too.
        super().prepare_for_update(context, obj, old)
        _drop_deprecated_topology(obj)

    def raises_generation(self, obj: JsonObject, old: JsonObject) -> bool:
        return super().raises_generation(obj, old) or is_metadata_changed(obj, old, "labels")

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        fqdn = old is None and obj.get("addressType") == "FQDN"
        warnings = ["spec.addressType: FQDN endpoints are deprecated"] if fqdn else []
        return warnings + list(find_endpoint_slice_warnings(obj))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_endpoint_slice(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        errors = list(validate_endpoint_slice(obj, old))
        if obj.get("addressType") != old.get("addressType"):
            errors.append(make_immutable_error("addressType", obj.get("addressType")))
        return errors


def _drop_deprecated_topology(obj: JsonObject) -> None:
    """Drop deprecatedTopology, which only reads of old API versions return."""
    for endpoint in obj.get("endpoints") or ():
        endpoint.pop("deprecatedTopology", None)


def validate_endpoint_slice(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    """Field rules of endpoint slices. Unchanged endpoints are not checked."""
    family = obj.get("addressType") or ""
    yield from checks.check_required_enum(family, "addressType", _FAMILIES)
    yield from _validate_slice_ports(obj.get("ports") or ())
    values = obj.get("endpoints") or []
    if old is not None and values == (old.get("endpoints") or []):
        return
    if len(values) > _ENDPOINTS_MAX:
        yield field.too_many("endpoints", len(values), _ENDPOINTS_MAX)
        return
    for where, endpoint in enumerate_items(values, "endpoints"):
        yield from _validate_endpoint(endpoint, family, where)


def _validate_slice_ports(ports: Sequence[JsonObject]) -> Errors:
    if len(ports) > _PORTS_MAX:
        yield field.too_many("ports", len(ports), _PORTS_MAX)
        return
    seen: set[str] = set()
    for where, port in enumerate_items(ports, "ports"):
        name = port.get("name") or ""
        if name:
            yield from checks.check_value(name, f"{where}.name", names.is_dns1123_label)
        if name in seen:
            yield field.duplicate(f"{where}.name", name)
        seen.add(name)
        yield from checks.check_enum(port["protocol"], f"{where}.protocol", PROTOCOLS)
        if port.get("appProtocol") is not None:
            yield from checks.check_value(
                port["appProtocol"], f"{where}.appProtocol", names.is_qualified_name
            )


def _validate_endpoint(endpoint: JsonObject, family: str, path: str) -> Errors:
    values, where = endpoint.get("addresses") or (), f"{path}.addresses"
    if not values:
        yield field.required(where, "must contain at least 1 address")
    elif len(values) > _ADDRESSES_MAX:
        yield field.too_many(where, len(values), _ADDRESSES_MAX)
    yield from _validate_addresses(values, family, where)
    if endpoint.get("nodeName") is not None:
        yield from checks.check_value(endpoint["nodeName"], f"{path}.nodeName", names.is_dns1123_subdomain)
    topology = endpoint.get("deprecatedTopology") or {}
    if len(topology) > 16:
        yield field.too_many(f"{path}.deprecatedTopology", len(topology), 16)
    yield from checks.check_labels(topology, f"{path}.deprecatedTopology")
    if endpoint.get("hostname") is not None:
        yield from checks.check_value(endpoint["hostname"], f"{path}.hostname", names.is_dns1123_label)
    hints = endpoint.get("hints") or {}
    yield from _validate_hints(hints.get("forZones") or (), f"{path}.hints.forZones", names.is_label_value)
    yield from _validate_hints(
        hints.get("forNodes") or (), f"{path}.hints.forNodes", names.is_dns1123_subdomain
    )


def _validate_addresses(values: Sequence[str], family: str, where: str) -> Errors:
    for place, text in enumerate_items(values, where):
        if family == "FQDN":
            yield from _validate_domain(text, place)
        elif family in _FAMILIES:
            judge = addresses.check_canonical_ip_address if family == "IPv6" else addresses.check_ip_address
            wrong = list(judge(text, place))
            yield from wrong
            if not wrong:
                if addresses.find_written_family(text) != family:
                    yield field.invalid(where, text, f"must be an {family} address")
                yield from check_endpoint_ip(text, place)


def _validate_hints(values: Sequence[JsonObject], path: str, check: checks.Check) -> Errors:
    if len(values) > _HINTS_MAX:
        yield field.too_many(path, len(values), _HINTS_MAX)
        return
    seen: set[str] = set()
    for where, value in enumerate_items(values, path):
        name = value.get("name", "")
        if name in seen:
            yield field.duplicate(f"{where}.name", name)
        seen.add(name)
        yield from checks.check_value(name, f"{where}.name", check)


def _validate_domain(text: str, path: str) -> Errors:
    if not text:
        yield field.required(path)
        return
    wrong = list(checks.check_value(text.removesuffix("."), path, names.is_dns1123_subdomain))
    yield from wrong
    if not wrong and "." not in text:
        yield field.invalid(path, text, "should be a domain with at least two segments separated by dots")


def find_endpoint_slice_warnings(obj: JsonObject) -> Iterator[str]:
    """Warnings about addresses. Slices of the built-in controllers are not checked."""
    if ((obj["metadata"].get("labels") or {}).get(_MANAGED_BY)) in _CONTROLLERS:
        return
    for path, endpoint in enumerate_items(obj.get("endpoints"), "endpoints"):
        for where, text in enumerate_items(endpoint.get("addresses"), f"{path}.addresses"):
            yield from addresses.find_ip_warnings(text, where)
