"""Addresses and networks: `cidr("10.0.0.0/8").containsIP(ip("10.1.2.3"))`."""

from __future__ import annotations

import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import Any, Final

from kprov.kube.component_helpers.cel.functions.declaration import (
    BOOL,
    INT,
    STRING,
    Declaration,
    function,
    member,
)
from kprov.kube.component_helpers.cel.types import CIDR, IP, make

_Address = IPv4Address | IPv6Address
_PREFIX: Final = re.compile("/(0|[1-9][0-9]{0,2})")


def _parse_address(text: str) -> _Address:
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(f"IP Address {text!r} parse error during conversion from string") from None
    if isinstance(address, IPv6Address) and (address.ipv4_mapped is not None or address.scope_id):
        kind = "IPv4-mapped IPv6 address" if address.ipv4_mapped is not None else "IPv6 address with zone"
        raise ValueError(f"{kind} {text!r} is not allowed")
    return address


def _parse_network(text: str) -> tuple[_Address, IPv4Network | IPv6Network]:
    """Return the address as written, and its network."""
    host, slash, length = text.partition("/")
    if _PREFIX.fullmatch(slash + length) is None:
        raise ValueError(f"network address parse error during conversion from string: {text!r}")
    try:
        return _parse_address(host), ip_interface(text).network
    except ValueError:
        raise ValueError(f"network address parse error during conversion from string: {text!r}") from None


def _is_address(text: str) -> bool:
    try:
        _parse_address(text)
    except ValueError:
        return False
    return True


def _is_network(text: str) -> bool:
    try:
        _parse_network(text)
    except ValueError:
        return False
    return True


def _address(value: Any) -> _Address:
    return _parse_address(value.text)


def _make_address(address: _Address) -> Any:
    return make(IP, text=str(address))


def _make_network(text: str) -> Any:
    address, network = _parse_network(text)
    return make(CIDR, text=f"{address}/{network.prefixlen}")


def _contains_network(outer: Any, text: str) -> bool:
    address, inner = _parse_network(text)
    held = _parse_network(outer.text)[1]
    return address in held and inner.prefixlen >= held.prefixlen and address.version == held.version


def _mask(value: Any) -> Any:
    return make(CIDR, text=str(ip_network(value.text, strict=False)))


_ADDRESS: Final = (IP,)
_NETWORK: Final = (CIDR,)
DECLARATIONS: Final[tuple[Declaration, ...]] = (
    function("ip", (STRING,), IP, lambda text: _make_address(_parse_address(text))),
    function("isIP", (STRING,), BOOL, _is_address),
    function("ip.isCanonical", (STRING,), BOOL, lambda text: str(_parse_address(text)) == text),
    function("string", _ADDRESS, STRING, lambda value: value.text),
    member("family", _ADDRESS, INT, lambda value: _address(value).version),
    member("isUnspecified", _ADDRESS, BOOL, lambda value: _address(value).is_unspecified),
    member("isLoopback", _ADDRESS, BOOL, lambda value: _address(value).is_loopback),
    member("isLinkLocalMulticast", _ADDRESS, BOOL, lambda value: _is_link_local_multicast(_address(value))),
    member("isLinkLocalUnicast", _ADDRESS, BOOL, lambda value: _address(value).is_link_local),
    member("isGlobalUnicast", _ADDRESS, BOOL, lambda value: _is_global_unicast(_address(value))),
    function("cidr", (STRING,), CIDR, _make_network),
    function("isCIDR", (STRING,), BOOL, _is_network),
    member("containsIP", (CIDR, IP), BOOL, lambda net, value: _address(value) in _parse_network(net.text)[1]),
    member(
        "containsIP",
        (CIDR, STRING),
        BOOL,
        lambda net, text: _parse_address(text) in _parse_network(net.text)[1],
    ),
    member("containsCIDR", (CIDR, CIDR), BOOL, lambda outer, inner: _contains_network(outer, inner.text)),
    member("containsCIDR", (CIDR, STRING), BOOL, _contains_network),
    member("ip", _NETWORK, IP, lambda net: _make_address(_parse_network(net.text)[0])),
    member("masked", _NETWORK, CIDR, _mask),
    member("prefixLength", _NETWORK, INT, lambda net: _parse_network(net.text)[1].prefixlen),
)


def _is_link_local_multicast(address: _Address) -> bool:
    if isinstance(address, IPv4Address):
        return address in ip_network("224.0.0.0/24")
    return address.is_multicast and address.packed[1] & 0x0F == 0x02


def _is_global_unicast(address: _Address) -> bool:
    """Whether an address is global unicast as Go defines it, which includes private addresses."""
    return not (
        address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
        or str(address) == "255.255.255.255"
    )
