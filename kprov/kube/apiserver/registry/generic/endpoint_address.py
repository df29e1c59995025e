"""Addresses that traffic can be sent to: of endpoints, and external IPs of services.

Source: upstream pkg/apis/core/validation/validation.go (ValidateEndpointIP).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import addresses
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field

#: By version: how many bits follow the prefix of a range, and the prefix. Faster than ipaddress: an object
#: may have a hundred thousand addresses.
_LOOPBACK: Final = {4: (24, 127), 6: (0, 1)}
_LINK_LOCAL: Final = {4: (16, 0xA9FE), 6: (118, 0xFE80 >> 6)}
_LINK_LOCAL_MULTICAST: Final = {4: (8, 0xE00000), 6: (112, 0xFF02)}


def check_endpoint_ip(text: str, path: str) -> Errors:
    """Refuse addresses that traffic cannot be sent to, such as loopback addresses."""
    address = addresses.parse_address(text)
    if address is None:
        yield field.invalid(path, text, "must be a valid IP address")
        return
    number, version = int(address), address.version

    def is_in(ranges: dict[int, tuple[int, int]]) -> bool:
        bits, prefix = ranges[version]
        return number >> bits == prefix

    if not number:
        yield field.invalid(path, text, f"may not be unspecified ({text})")
    if is_in(_LOOPBACK):
        yield field.invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if is_in(_LINK_LOCAL):
        yield field.invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if is_in(_LINK_LOCAL_MULTICAST):
        yield field.invalid(
            path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
        )
