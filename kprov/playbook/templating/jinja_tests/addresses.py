"""The tests of network addresses of ansible.utils."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from kprov.playbook.templating.filters.libraries import netaddr
from kprov.playbook.templating.filters.net import parse_address
from kprov.playbook.templating.filters.subnets import network_in_network


def _ip(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Make a test of an address; other values fail."""

    def test(value: Any) -> bool:
        found = parse_address(value) if isinstance(value, str) and value else None
        return found is not None and check(found)

    return test


def _resolvable(name: str) -> bool:
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return False
    return True


def _standard(attribute: str) -> Callable[[Any], bool]:
    """Make a test of a property of a single address with Python's ipaddress."""

    def test(value: Any) -> bool:
        try:
            return bool(getattr(ipaddress.ip_address(value), attribute))
        except ValueError:
            return False

    return test


def _mask(value: Any, method: str) -> bool:
    try:
        address = netaddr.IPAddress(value)
    except (netaddr.AddrFormatError, ValueError, TypeError):
        return False
    return bool(int(address) and getattr(address, method)())


TESTS: dict[str, Callable[..., Any]] = {
    "ip": _ip(lambda _a: True),
    "ip_address": _ip(lambda a: not a.network),
    "ipv4": _ip(lambda a: bool(a.net.version == 4)),
    "ipv6": _ip(lambda a: bool(a.net.version == 6)),
    "ipv4_address": _ip(lambda a: bool(a.net.version == 4 and not a.network)),
    "ipv6_address": _ip(lambda a: bool(a.net.version == 6 and not a.network)),
    "ipv4_netmask": lambda value: _mask(value, "is_netmask"),
    "ipv4_hostmask": lambda value: _mask(value, "is_hostmask"),
    "loopback": _standard("is_loopback"),
    "multicast": _standard("is_multicast"),
    "private": _standard("is_private"),
    "public": _standard("is_global"),
    "reserved": _standard("is_reserved"),
    "unspecified": _standard("is_unspecified"),
    "mac": lambda value: bool(netaddr.valid_mac(str(value))),
    "in_network": lambda value, network: network_in_network(network, value),
    "in_any_network": lambda value, networks: any(network_in_network(one, value) for one in networks),
    "in_one_network": lambda value, networks: sum(network_in_network(one, value) for one in networks) == 1,
    "subnet_of": lambda value, network: network_in_network(network, value),
    "supernet_of": lambda value, network: network_in_network(value, network),
    "resolvable": _resolvable,
}
