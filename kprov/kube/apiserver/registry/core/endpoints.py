"""Endpoints.

Source: upstream pkg/registry/core/endpoint/strategy.go,
pkg/apis/core/validation/validation.go (ValidateEndpoints).
"""

from __future__ import annotations

from collections.abc import Iterator

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.endpoint_address import check_endpoint_ip
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec.containers import PROTOCOLS
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class EndpointsStrategy(ResourceStrategy):
    storage_folder = "services/endpoints"
    allow_create_on_update = True

    def default(self, obj: JsonObject) -> None:
        for subset in obj.get("subsets") or ():
            for port in subset.get("ports") or ():
                port["protocol"] = port.get("protocol") or "TCP"

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_endpoints(obj))

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return list(find_endpoints_warnings(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        """Unchanged subsets are not checked: older versions accepted subsets that are invalid now."""
        wrong = list(validate_endpoints(obj))
        return wrong if (obj.get("subsets") or []) != (old.get("subsets") or []) else []


def validate_endpoints(obj: JsonObject) -> Errors:
    for where, subset in enumerate_items(obj.get("subsets"), "subsets"):
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            yield field.required(where, "must specify `addresses` or `notReadyAddresses`")
        for kind in ("addresses", "notReadyAddresses"):
            for place, address in enumerate_items(subset.get(kind), f"{where}.{kind}"):
                yield from addresses.check_ip_address(address.get("ip", ""), f"{place}.ip")
                yield from checks.check_optional_field(address, place, "hostname", names.is_dns1123_label)
                if address.get("nodeName") is not None:
                    check = names.is_dns1123_subdomain
                    yield from checks.check_value(address["nodeName"], f"{place}.nodeName", check)
                yield from check_endpoint_ip(address.get("ip", ""), f"{place}.ip")
        ports = subset.get("ports") or ()
        for place, port in enumerate_items(ports, f"{where}.ports"):
            yield from _validate_port(port, place, needs_name=len(ports) > 1)


def _validate_port(port: JsonObject, path: str, *, needs_name: bool) -> Errors:
    if needs_name and not port.get("name"):
        yield field.required(f"{path}.name")
    yield from checks.check_optional_field(port, path, "name", names.is_dns1123_label)
    yield from checks.check_value(port.get("port") or 0, f"{path}.port", names.is_port_number)
    yield from checks.check_required_enum(port.get("protocol"), f"{path}.protocol", PROTOCOLS)
    if port.get("appProtocol") is not None:
        yield from checks.check_value(port["appProtocol"], f"{path}.appProtocol", names.is_qualified_name)


def find_endpoints_warnings(obj: JsonObject) -> Iterator[str]:
    if (obj["metadata"].get("labels") or {}).get(
        "endpoints.kubernetes.io/managed-by"
    ) == "endpoint-controller":
        return
    for path, subset in enumerate_items(obj.get("subsets"), "subsets"):
        for part in ("addresses", "notReadyAddresses"):
            for where, address in enumerate_items(subset.get(part), f"{path}.{part}"):
                yield from addresses.find_ip_warnings(address.get("ip", ""), f"{where}.ip")
