"""Name constraints of an authority (RFC 5280, 4.2.1.10, as Go's crypto/x509 checks them).

Only subject alternative names are checked: DNS, email, URI and IP.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509

#: The supported kinds of names.
_KINDS: Final = (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier, x509.IPAddress)


def are_supported(constraints: x509.NameConstraints) -> bool:
    """Whether all its names are of supported kinds."""
    names = [*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ())]
    return all(isinstance(name, _KINDS) for name in names)


def are_within(names: Iterable[x509.GeneralName], constraints: x509.NameConstraints) -> bool:
    """Whether no name is excluded, and each is permitted if there are permitted names of its kind."""
    return all(_is_within(name, constraints) for name in names if isinstance(name, _KINDS))


def _is_within(name: x509.GeneralName, constraints: x509.NameConstraints) -> bool:
    excluded = [
        excluded_subtree
        for excluded_subtree in constraints.excluded_subtrees or ()
        if type(excluded_subtree) is type(name)
    ]
    permitted = [
        permitted_subtree
        for permitted_subtree in constraints.permitted_subtrees or ()
        if type(permitted_subtree) is type(name)
    ]
    if not excluded and not permitted:
        return True
    if isinstance(name, x509.UniformResourceIdentifier) and not _find_host(name.value):
        return False
    if any(_matches(name, subtree.value) for subtree in excluded):
        return False
    return not permitted or any(_matches(name, subtree.value) for subtree in permitted)


def _matches(name: x509.GeneralName, constraint: Any) -> bool:
    match name:
        case x509.IPAddress():
            return name.value in constraint
        case x509.RFC822Name():
            local, _, domain = name.value.rpartition("@")
            if "@" not in constraint:
                return _is_below(domain, constraint)
            wanted, _, of = constraint.rpartition("@")
            return bool(local == wanted and domain.lower() == of.lower())
        case x509.UniformResourceIdentifier():
            return _is_below(_find_host(name.value), constraint)
        case _:
            return _is_below(str(name.value), constraint)


def _find_host(uri: str) -> str:
    """Return the host name of a URI; "" without one or for an IP address."""
    host = ""
    with suppress(ValueError):
        host = urlsplit(uri).hostname or ""
    with suppress(ValueError):
        ip_address(host)
        return ""
    return host


def _is_below(domain: str, constraint: str) -> bool:
    """Whether it is the constraint's domain or a subdomain; with a leading dot only a subdomain."""
    wanted = constraint.removeprefix(".").lower()
    if not wanted:
        return True
    domain = domain.lower().removesuffix(".")
    return domain.endswith(f".{wanted}") or (domain == wanted and not constraint.startswith("."))
