"""Endpoints and endpoint slices.

Source: upstream pkg/apis/core/validation/validation.go (ValidateEndpoints),
pkg/apis/discovery/validation/validation.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, each
from kprov.kube.apiserver.registry.podspec.containers import PROTOCOLS
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_FAMILIES: Final = ["FQDN", "IPv4", "IPv6"]
_MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
_CONTROLLERS: Final = {"endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"}
_ENDPOINTS_MAX, _ADDRESSES_MAX, _PORTS_MAX, _HINTS_MAX = 1000, 100, 20000, 8


def drop_topology(obj: JsonObject) -> None:
    """Of this field of old only reads of old versions know."""
    for endpoint in obj.get("endpoints") or ():
        endpoint.pop("deprecatedTopology", None)


def endpoints(obj: JsonObject) -> Errors:
    for where, subset in each(obj.get("subsets"), "subsets"):
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            yield field.required(where, "must specify `addresses` or `notReadyAddresses`")
        for kind in ("addresses", "notReadyAddresses"):
            for place, address in each(subset.get(kind), f"{where}.{kind}"):
                yield from addresses.ip_address(address.get("ip", ""), f"{place}.ip")
                yield from checks.given(address, place, "hostname", names.is_dns1123_label)
                if address.get("nodeName") is not None:
                    check = names.is_dns1123_subdomain
                    yield from checks.named(address["nodeName"], f"{place}.nodeName", check)
                yield from endpoint_ip(address.get("ip", ""), f"{place}.ip")
        ports = subset.get("ports") or ()
        for place, port in each(ports, f"{where}.ports"):
            yield from _port(port, place, needs_name=len(ports) > 1)


def _port(port: JsonObject, path: str, *, needs_name: bool) -> Errors:
    if needs_name and not port.get("name"):
        yield field.required(f"{path}.name")
    yield from checks.given(port, path, "name", names.is_dns1123_label)
    yield from checks.named(port.get("port") or 0, f"{path}.port", names.is_port_number)
    yield from checks.one_of_required(port.get("protocol"), f"{path}.protocol", PROTOCOLS)
    if port.get("appProtocol") is not None:
        yield from checks.named(port["appProtocol"], f"{path}.appProtocol", names.is_qualified_name)


def endpoint_ip(text: str, path: str) -> Errors:
    """An address that traffic can be sent to."""
    address = addresses.parsed(text)
    if address is None:
        yield field.invalid(path, text, "must be a valid IP address")
        return
    if address.is_unspecified:
        yield field.invalid(path, text, f"may not be unspecified ({text})")
    if address.is_loopback:
        yield field.invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        yield field.invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    multicast = ipaddress.ip_network("224.0.0.0/24" if address.version == 4 else "ff02::/16")
    if address in multicast:
        yield field.invalid(
            path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
        )


def endpoint_slice(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    """Endpoints that stay as they are, are let be."""
    family = obj.get("addressType") or ""
    yield from checks.one_of_required(family, "addressType", _FAMILIES)
    yield from _slice_ports(obj.get("ports") or ())
    values = obj.get("endpoints") or []
    if old is not None and values == (old.get("endpoints") or []):
        return
    if len(values) > _ENDPOINTS_MAX:
        yield field.too_many("endpoints", len(values), _ENDPOINTS_MAX)
        return
    for where, endpoint in each(values, "endpoints"):
        yield from _endpoint(endpoint, family, where)


def _slice_ports(ports: Sequence[JsonObject]) -> Errors:
    if len(ports) > _PORTS_MAX:
        yield field.too_many("ports", len(ports), _PORTS_MAX)
        return
    seen: set[str] = set()
    for where, port in each(ports, "ports"):
        name = port.get("name") or ""
        if name:
            yield from checks.named(name, f"{where}.name", names.is_dns1123_label)
        if name in seen:
            yield field.duplicate(f"{where}.name", name)
        seen.add(name)
        yield from checks.one_of(port["protocol"], f"{where}.protocol", PROTOCOLS)
        if port.get("appProtocol") is not None:
            yield from checks.named(port["appProtocol"], f"{where}.appProtocol", names.is_qualified_name)


def _endpoint(endpoint: JsonObject, family: str, path: str) -> Errors:
    given, where = endpoint.get("addresses") or (), f"{path}.addresses"
    if not given:
        yield field.required(where, "must contain at least 1 address")
    elif len(given) > _ADDRESSES_MAX:
        yield field.too_many(where, len(given), _ADDRESSES_MAX)
    for place, text in each(given, where):
        if family == "FQDN":
            yield from _domain(text, place)
        elif family in _FAMILIES:
            judge = addresses.canonical_address if family == "IPv6" else addresses.ip_address
            wrong = list(judge(text, place))
            yield from wrong
            if not wrong:
                if f"IPv{ipaddress.ip_address(text).version}" != family:
                    yield field.invalid(where, text, f"must be an {family} address")
                yield from endpoint_ip(text, place)
    if endpoint.get("nodeName") is not None:
        yield from checks.named(endpoint["nodeName"], f"{path}.nodeName", names.is_dns1123_subdomain)
    topology = endpoint.get("deprecatedTopology") or {}
    if len(topology) > 16:
        yield field.too_many(f"{path}.deprecatedTopology", len(topology), 16)
    yield from checks.labels(topology, f"{path}.deprecatedTopology")
    if endpoint.get("hostname") is not None:
        yield from checks.named(endpoint["hostname"], f"{path}.hostname", names.is_dns1123_label)
    hints = endpoint.get("hints") or {}
    yield from _hints(hints.get("forZones") or (), f"{path}.hints.forZones", names.is_label_value)
    yield from _hints(hints.get("forNodes") or (), f"{path}.hints.forNodes", names.is_dns1123_subdomain)


def _hints(values: Sequence[JsonObject], path: str, check: checks.Check) -> Errors:
    if len(values) > _HINTS_MAX:
        yield field.too_many(path, len(values), _HINTS_MAX)
        return
    seen: set[str] = set()
    for where, value in each(values, path):
        name = value.get("name", "")
        if name in seen:
            yield field.duplicate(f"{where}.name", name)
        seen.add(name)
        yield from checks.named(name, f"{where}.name", check)


def _domain(text: str, path: str) -> Errors:
    if not text:
        yield field.required(path)
        return
    wrong = list(checks.named(text.removesuffix("."), path, names.is_dns1123_subdomain))
    yield from wrong
    if not wrong and "." not in text:
        yield field.invalid(path, text, "should be a domain with at least two segments separated by dots")


def slice_warnings(obj: JsonObject) -> Iterator[str]:
    """Of addresses that people wrote; the controllers' own are right."""
    if ((obj["metadata"].get("labels") or {}).get(_MANAGED_BY)) in _CONTROLLERS:
        return
    for path, endpoint in each(obj.get("endpoints"), "endpoints"):
        for where, text in each(endpoint.get("addresses"), f"{path}.addresses"):
            yield from addresses.ip_warnings(text, where)


def endpoints_warnings(obj: JsonObject) -> Iterator[str]:
    if (obj["metadata"].get("labels") or {}).get(
        "endpoints.kubernetes.io/managed-by"
    ) == "endpoint-controller":
        return
    for path, subset in each(obj.get("subsets"), "subsets"):
        for part in ("addresses", "notReadyAddresses"):
            for where, address in each(subset.get(part), f"{path}.{part}"):
                yield from addresses.ip_warnings(address.get("ip", ""), f"{where}.ip")
