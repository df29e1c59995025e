"""Checks of and warnings about IP addresses and CIDRs in objects.

Source: upstream staging/src/k8s.io/apimachinery/pkg/util/validation/ip.go (with StrictIPCIDRValidation).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection, Iterator
from typing import Final

from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.integers import parse_clamped
from kprov.kube.machinery.key_bounds import cache_short
from kprov.kube.machinery.status import quoted

#: The checks of an address parse it several times, one after the other.
_REMEMBERED: Final = 64

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NOT_AN_ADDRESS: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_NOT_A_CIDR: Final = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_ZEROS: Final = re.compile(r"(?<![0-9A-Fa-f:])0+(?=[0-9])")


def find_written_family(text: str) -> str:
    """IPv4 or IPv6 by the spelling of an address, which may be invalid."""
    return "IPv6" if ":" in text else "IPv4"


def check_ip_address(text: str, path: str, kept: Collection[str] = ()) -> Iterator[FieldError]:
    """Refuse invalid addresses and leading zeros. kept: values of the old object, which stay valid."""
    if text in kept:
        return
    address = parse_address(text)
    if address is None:
        yield field.invalid(path, text, _NOT_AN_ADDRESS)
    elif _parse_strictly(text) is None:
        yield field.invalid(path, text, "must not have leading 0s")
    elif _is_mapped(text):
        yield field.invalid(path, text, "must not be an IPv4-mapped IPv6 address")


def check_canonical_ip_address(text: str, path: str) -> Iterator[FieldError]:
    """Check that an address is in canonical form."""
    wrong = list(check_ip_address(text, path))
    yield from wrong
    if not wrong and str(address := parse_address(text)) != text:
        yield field.invalid(path, text, f"must be in canonical form ({quoted(str(address))})")


def parse_network(text: str) -> _Network | None:
    """Return the network of a CIDR in any spelling, None if it is invalid."""
    if any(error.detail.endswith(_NOT_A_CIDR) for error in check_cidr(text, "")):
        return None
    head, _, length = text.partition("/")
    return ipaddress.ip_network(f"{parse_address(head)}/{parse_clamped(length)}", strict=False)


def check_cidr(text: str, path: str, kept: Collection[str] = ()) -> Iterator[FieldError]:
    """Check a CIDR without host bits. kept: as in check_ip_address."""
    if text in kept:
        return
    head, _, length = text.partition("/")
    address = parse_address(head)
    if address is None or not (
        length.isascii() and length.isdecimal() and parse_clamped(length) <= address.max_prefixlen
    ):
        yield field.invalid(path, text, _NOT_A_CIDR)
    elif _parse_strictly(head) is None or str(parse_clamped(length)) != length:
        yield field.invalid(path, text, "must not have leading 0s in IP or prefix length")
    elif _is_mapped(head):
        yield field.invalid(path, text, "must not have an IPv4-mapped IPv6 address")
    elif _has_host_bits(address, parse_clamped(length)):
        yield field.invalid(path, text, "must not have bits set beyond the prefix length")


def find_ip_warnings(text: str, path: str) -> Iterator[str]:
    """Warn about valid addresses that programs parse differently."""
    address = parse_address(text)
    if address is None:
        return
    if _parse_strictly(text) is None or _is_mapped(text):
        shown = quoted(_format_address(address))
        yield f"{path}: non-standard IP address {quoted(text)} is invalid: use {shown}"
    elif address.version == 6 and str(address) != text:
        shown = quoted(str(address))
        yield f"{path}: IPv6 address {quoted(text)} should be in RFC 5952 canonical format ({shown})"


def find_cidr_warnings(text: str, path: str) -> Iterator[str]:
    """Warn about valid CIDRs that programs parse differently."""
    head, _, length = text.partition("/")
    address = parse_address(head)
    if address is None or not length.isdecimal():
        return
    bits = parse_clamped(length)
    is_ambiguous = bits <= address.max_prefixlen and _has_host_bits(address, bits)
    if address.version == 4 and bits <= 32 and not is_ambiguous:
        return
    network = ipaddress.ip_network(f"{address}/{bits}", strict=False)
    if is_ambiguous:
        single = quoted(f"{address}/{address.max_prefixlen}")
        shown = f"{quoted(str(network))} or {single}"
        yield f"{path}: CIDR value {quoted(text)} is ambiguous in this context (should be {shown}?)"
    elif address.version == 6 and str(network) != text:
        shown = quoted(str(network))
        yield f"{path}: IPv6 CIDR value {quoted(text)} should be in RFC 5952 canonical format ({shown})"


@cache_short(maxsize=_REMEMBERED)
def parse_address(text: str) -> _Address | None:
    """Parse an address, ignoring leading zeros as Go's old parser did."""
    return _parse_strictly(_ZEROS.sub("", text) if ":" not in text else text)


def find_family(text: str) -> int | None:
    """4 or 6, None if it is no address. An IPv4-mapped address is IPv4, as in Go."""
    address = parse_address(text)
    return None if address is None else 4 if _is_mapped(text) else address.version


@cache_short(maxsize=_REMEMBERED)
def _parse_strictly(text: str) -> _Address | None:
    try:
        # Five times as fast as ipaddress: an object may have a hundred thousand addresses.
        if ":" in text:
            return ipaddress.IPv6Address(socket.inet_pton(socket.AF_INET6, text))
        return ipaddress.IPv4Address(socket.inet_pton(socket.AF_INET, text))
    except (OSError, ValueError):
        return None


def _has_host_bits(address: _Address, prefix: int) -> bool:
    """Whether bits are set beyond a prefix of valid length."""
    return bool(int(address) & ((1 << (address.max_prefixlen - prefix)) - 1))


def _is_mapped(text: str) -> bool:
    address = _parse_strictly(text)
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None


def _format_address(address: _Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
