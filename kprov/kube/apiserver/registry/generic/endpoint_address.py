"""Addresses that traffic can be sent to: of endpoints, and external IPs of services.

Source: upstream pkg/apis/core/validation/validation.go (ValidateEndpointIP).
"""

from __future__ import annotations

import ipaddress

from kprov.kube.apiserver.registry.generic import addresses
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field


def check_endpoint_ip(text: str, path: str) -> Errors:
    """Refuse addresses that traffic cannot be sent to, such as loopback addresses."""
    address = addresses.parse_address(text)
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
