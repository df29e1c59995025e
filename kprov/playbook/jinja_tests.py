"""Ansible's tests (`is ...`) that Jinja2 does not have; ALL is what templates see."""

from __future__ import annotations

import ipaddress
import math
import operator
import os.path
import re
import socket
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlparse

from jinja2.tests import TESTS as JINJA

from kprov.playbook import versions
from kprov.playbook.filters.libraries import netaddr
from kprov.playbook.filters.net import asked
from kprov.playbook.filters.subnets import network_in_network
from kprov.playbook.plugged import refusing, takes_markers
from kprov.playbook.undefined import Marker
from kprov.playbook.values import FilterError, text


def _result(value: Any, test: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise FilterError(f"The {test!r} test expects a dictionary (what a task registered)")
    return value


def _status(key: str, test: str | None = None) -> Callable[[Any], bool]:
    return lambda value: bool(_result(value, test or key).get(key))


def _not(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: not test(value)


def _changed(value: Any) -> bool:
    result = _result(value, "changed")
    if "changed" in result:
        return bool(result["changed"])
    inner = result.get("results")
    return isinstance(inner, list) and any(one.get("changed") for one in inner if isinstance(one, Mapping))


def _of_job(key: str) -> Callable[[Any], bool]:
    """For jobs of async; any other result is as if started and finished."""
    return lambda value: bool(_result(value, key).get(key, True))


def _timedout(value: Any) -> bool:
    found = _result(value, "timedout").get("timedout")
    return bool(found and found["period"])


def regex(
    value: Any = "",
    pattern: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    match_type: str = "search",
) -> bool:
    flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
    compiled = re.compile(pattern, flags)
    return bool(
        getattr(compiled, match_type if match_type in ("match", "fullmatch") else "search")(text(value))
    )


def _match(value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False) -> bool:
    return regex(value, pattern, ignorecase, multiline, "match")


def _search(value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False) -> bool:
    return regex(value, pattern, ignorecase, multiline)


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "=": operator.eq,
    "eq": operator.eq,
    "<": operator.lt,
    "lt": operator.lt,
    "<=": operator.le,
    "le": operator.le,
    ">": operator.gt,
    "gt": operator.gt,
    ">=": operator.ge,
    "ge": operator.ge,
    "!=": operator.ne,
    "<>": operator.ne,
    "ne": operator.ne,
}


def version(
    value: Any,
    version: Any,
    operator: str = "eq",
    strict: bool | None = None,
    version_type: str | None = None,
) -> bool:
    """Compare versions: loose (default), strict, semver, pep440."""
    if strict is not None and version_type is not None:
        raise FilterError("Cannot specify both 'strict' and 'version_type'")
    if not value:
        raise FilterError("Input version value cannot be empty")
    if not version:
        raise FilterError("Version parameter to compare against cannot be empty")
    kind = "strict" if strict else version_type or "loose"
    if kind not in versions.TYPES:
        raise FilterError(f"Invalid version type ({kind}). Must be one of {', '.join(versions.TYPES)}")
    if operator not in _OPERATORS:
        raise FilterError(f"Invalid operator type ({operator}). Must be one of {', '.join(_OPERATORS)}")
    make = versions.TYPES[kind]
    try:
        return bool(_OPERATORS[operator](make(text(value)), make(text(version))))
    except (TypeError, ValueError) as error:
        raise FilterError(f"Version comparison failed: {error}") from None


def truthy(value: Any, convert_bool: bool = False) -> bool:
    shown = str(value).strip().lower()
    if convert_bool and isinstance(value, (str, int, float)):
        if shown in ("y", "yes", "on", "1", "true", "t", "1.0"):
            return True
        if shown in ("n", "no", "off", "0", "false", "f", "0.0"):
            return False
    return bool(value)


def _nan(value: Any) -> bool:
    try:
        return math.isnan(value)
    except TypeError:
        return False


def _uri(value: Any, schemes: Any = None) -> bool:
    try:
        found = urlparse(value)
    except (ValueError, TypeError, AttributeError):
        return False
    return not schemes or found.scheme in schemes


def _url(value: Any, schemes: Any = None) -> bool:
    return _uri(value, schemes) and bool(urlparse(value).netloc or urlparse(value).scheme == "file")


def _vaulted_file(value: Any) -> bool:
    try:
        with open(value, "rb") as file:
            return file.read(14) == b"$ANSIBLE_VAULT"
    except OSError as error:
        raise FilterError(f"Cannot test if the file {value!r} is a vault: {error.strerror}") from None


BUILTIN: dict[str, Callable[..., Any]] = {
    "failed": _status("failed"),
    "failure": _status("failed"),
    "succeeded": _not(_status("failed")),
    "success": _not(_status("failed")),
    "successful": _not(_status("failed")),
    "unreachable": _status("unreachable"),
    "reachable": _not(_status("unreachable", "reachable")),
    "timedout": _timedout,
    "changed": _changed,
    "change": _changed,
    "skipped": _status("skipped"),
    "skip": _status("skipped"),
    "started": _of_job("started"),
    "finished": _of_job("finished"),
    "match": _match,
    "search": _search,
    "regex": regex,
    "version": version,
    "version_compare": version,
    "any": any,
    "all": all,
    "truthy": truthy,
    "falsy": lambda value, convert_bool=False: not truthy(value, convert_bool),
    "defined": takes_markers(lambda value: not isinstance(value, Marker)),
    "undefined": takes_markers(lambda value: isinstance(value, Marker)),
    "subset": lambda one, other: set(one) <= set(other),
    "issubset": lambda one, other: set(one) <= set(other),
    "superset": lambda one, other: set(one) >= set(other),
    "issuperset": lambda one, other: set(one) >= set(other),
    "contains": lambda values, value: value in values,
    "nan": _nan,
    "isnan": _nan,
    "exists": os.path.exists,
    "link_exists": os.path.lexists,
    "file": os.path.isfile,
    "is_file": os.path.isfile,
    "directory": os.path.isdir,
    "is_dir": os.path.isdir,
    "link": os.path.islink,
    "is_link": os.path.islink,
    "abs": os.path.isabs,
    "is_abs": os.path.isabs,
    "same_file": os.path.samefile,
    "is_same_file": os.path.samefile,
    "mount": os.path.ismount,
    "is_mount": os.path.ismount,
    "uri": _uri,
    "url": _url,
    "urn": lambda value: _uri(value, ["urn"]),
    "vault_encrypted": lambda value: isinstance(value, str) and value.startswith("$ANSIBLE_VAULT"),
    "vaulted_file": _vaulted_file,
}


def _ip(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """A test of an address; what is no address does not pass."""

    def test(value: Any) -> bool:
        found = asked(value) if isinstance(value, str) and value else None
        return found is not None and check(found)

    return test


def _resolvable(name: str) -> bool:
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return False
    return True


def _standard(attribute: str) -> Callable[[Any], bool]:
    """A property of a single address, by Python's ipaddress."""

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


UTILS: dict[str, Callable[..., Any]] = {
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

#: Tests by the name that a reference shows.
TESTS: dict[str, Callable[..., Any]] = {
    **BUILTIN,
    **{f"ansible.utils.{name}": test for name, test in UTILS.items()},
}

#: What is not supported, with what to use instead.
REFUSED: dict[str, str] = {
    "ansible.utils.validate": "use assert, or a role's argument_specs",
    "ansible.utils.ipv6_ipv4_mapped": "use ipaddr('ipv4')",
    "ansible.utils.ipv6_sixtofour": "use ipaddr('6to4')",
    "ansible.utils.ipv6_teredo": "use ipaddr('2001::/32')",
    "community.general.a_module": "modules are checked when a playbook is read",
    "community.general.ansible_type": "use type_debug",
    "community.general.fqdn_valid": "use the test match",
}


def _all() -> dict[str, Callable[..., Any]]:
    own: Any = JINJA
    found: dict[str, Callable[..., Any]] = {**own, **BUILTIN}
    for collection in ("ansible.builtin", "ansible.legacy"):
        found |= {f"{collection}.{name}": found[name] for name in list(found) if name.isidentifier()}
    found |= {name: test for name, test in TESTS.items() if "." in name}
    found |= {name: refusing("test", name, instead) for name, instead in REFUSED.items()}
    return found


ALL = _all()
