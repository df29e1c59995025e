"""Check the host and the port of a backend before anything is resolved or dialled.

Names and ports come from the client's path, addresses from the status of pods and nodes. None of them may
change the meaning of the URL that they are put into.
Source: Go's net.IP.IsGlobalUnicast, net.JoinHostPort; upstream pkg/registry/core/{node,pod}/strategy.go.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

_MAX_PORT: Final = 65535
#: As DNS and resolvers take them. Underscores are not valid in a host name, but exist.
_HOST_NAME: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?\Z")
_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def find_port_problem(port: str) -> str:
    """Why a port is invalid, as Go's net package describes it, or ""."""
    if not port.isascii() or not port.isdecimal():
        return f"dial tcp: lookup tcp/{port}: unknown port"
    return "" if is_port(port) else f"dial tcp: address {port}: invalid port"


def is_port(text: str) -> bool:
    """Whether the text is a decimal number up to 65535."""
    # The length first: int() raises ValueError for more than 4,300 digits.
    return (
        text.isascii()
        and text.isdecimal()
        and len(digits := text.lstrip("0")) <= 5
        and int(digits or "0") <= _MAX_PORT
    )


def parse_ip(text: str) -> IpAddress | None:
    """Parse an address without a zone; an IPv6 address that carries an IPv4 address is that address."""
    if "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_host(text: str) -> bool:
    """Whether the text is an IP address or has the form of a host name."""
    return parse_ip(text) is not None or _HOST_NAME.match(text) is not None


def is_allowed(text: str) -> bool:
    """Whether a proxy may connect: neither loopback, link-local, multicast, broadcast nor unspecified."""
    address = parse_ip(text)
    return address is not None and not (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address == _BROADCAST
    )


def join_host_port(host: str, port: str) -> str:
    """Join them for a URL. The port may be ""."""
    bracketed = f"[{host}]" if ":" in host else host
    return f"{bracketed}:{port}" if port else bracketed
