"""The tests of network addresses of ansible.utils."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from kprov.playbook.templating.filters.libraries import netaddr
from kprov.playbook.templating.filters.net import parse_address
from kprov.playbook.templating.filters.subnets import network_in_network


def _make_address_test(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Make a test of an address; other values fail."""

    def test(value: Any) -> bool:
        address = parse_address(value) if isinstance(value, str) and value else None
        return address is not None and check(address)

    return test


def _is_resolvable(name: str) -> bool:
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return False
    return True


def _make_property_test(attribute: str) -> Callable[[Any], bool]:
    """Make a test of a property of a single address with Python's ipaddress."""

    def test(value: Any) -> bool:
        try:
            return bool(getattr(ipaddress.ip_address(value), attribute))
        except ValueError:
            return False

    return test


def _is_mask(value: Any, method: str) -> bool:
    try:
        address = netaddr.IPAddress(value)
    except (netaddr.AddrFormatError, ValueError, TypeError):
        return False
    return bool(int(address) and getattr(address, method)())


TESTS: dict[str, Callable[..., Any]] = {
    "ip": _make_address_test(lambda _a: True),
    "ip_address": _make_address_test(lambda a: not a.network),
    "ipv4": _make_address_test(lambda a: bool(a.net.version == 4)),
    "ipv6": _make_address_test(lambda a: bool(a.net.version == 6)),
    "ipv4_address": _make_address_test(lambda a: bool(a.net.version == 4 and not a.network)),
    "ipv6_address": _make_address_test(lambda a: bool(a.net.version == 6 and not a.network)),
    "ipv4_netmask": lambda value: _is_mask(value, "is_netmask"),
    "ipv4_hostmask": lambda value: _is_mask(value, "is_hostmask"),
    "loopback": _make_property_test("is_loopback"),
    "multicast": _make_property_test("is_multicast"),
    "private": _make_property_test("is_private"),
    "public": _make_property_test("is_global"),
    "reserved": _make_property_test("is_reserved"),
    "unspecified": _make_property_test("is_unspecified"),
    "mac": lambda value: bool(netaddr.valid_mac(str(value))),
    "in_network": lambda value, network: network_in_network(network, value),
    "in_any_network": lambda value, networks: any(network_in_network(network, value) for network in networks),
    "in_one_network": lambda value, networks: (
        sum(network_in_network(network, value) for network in networks) == 1
    ),
    "subnet_of": lambda value, network: network_in_network(network, value),
    "supernet_of": lambda value, network: network_in_network(value, network),
    "resolvable": _is_resolvable,
}
