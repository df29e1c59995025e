"""Parses IP addresses and networks that users write; errors say what is expected."""

from __future__ import annotations

import ipaddress
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_address(value: Any) -> Address:
    """Parse an IP address. Raises ValueError."""
    try:
        if not isinstance(value, str):
            # ipaddress accepts numbers: 10 would mean 0.0.0.10.
            raise ValueError  # noqa: TRY004 - it is the caller's kind of error
        return ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(f"must be an IP address such as 192.0.2.10, not {value!r}") from None


def parse_network(value: Any) -> Network:
    """Parse a network with a prefix length and without host bits. Raises ValueError."""
    if not isinstance(value, str) or "/" not in value:
        raise ValueError(f"must be a network with a prefix length such as 10.233.0.0/18, not {value!r}")
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"must be a network such as 10.233.0.0/18, not {value!r}") from None
    if str(network.network_address) != str(ipaddress.ip_interface(value).ip):
        raise ValueError(f"{value!r} has host bits set; the network is {network}")
    return network
