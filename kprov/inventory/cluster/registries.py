"""Checks containerd_registries_mirrors and containerd_registry_auth, in kubespray's form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_PREFIX = re.compile(r"_default|[A-Za-z0-9.-]+(:[0-9]+)?")
_CAPABILITIES = ("pull", "resolve", "push")
_FIELDS = ("prefix", "server", "mirrors")
_MIRROR_FIELDS = ("host", "capabilities", "skip_verify", "override_path", "ca", "client", "header")
_AUTH_FIELDS = ("registry", "username", "password", "auth")
#: Characters that would end or escape a TOML string.
_SPECIAL = re.compile(r'["\\\x00-\x1f\x7f]')
_HEADER = re.compile(r"[A-Za-z0-9_-]+")


def check_mirrors(value: Any) -> Any:
    """Return the list unchanged. ValueError names the item and the field that is wrong."""
    prefixes: dict[str, int] = {}
    for number, item in enumerate(_check_list(value, "prefix and mirrors"), 1):
        problem = _find_problem(item)
        if problem:
            raise ValueError(f"item {number}{problem}")
        if item["prefix"] in prefixes:
            raise ValueError(
                f"item {number}: prefix {item['prefix']} is item {prefixes[item['prefix']]} already"
            )
        prefixes[item["prefix"]] = number
    return value


def check_auth(value: Any) -> Any:
    """Return the list unchanged. ValueError names the item and the field, and no password."""
    for number, item in enumerate(_check_list(value, "registry, username and password"), 1):
        problem = _find_auth_problem(item)
        if problem:
            raise ValueError(f"item {number}{problem}")
    return value


def _check_list(value: Any, fields: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"must be a list of mappings with {fields}")  # noqa: TRY004 - pydantic's protocol
    return value


def _find_problem(item: Any) -> str:
    """Return the message after the item's number; "" if the item is valid."""
    problem = _find_field_problem(item, _FIELDS, ("prefix", "mirrors"))
    if problem:
        return problem
    if not isinstance(item["prefix"], str) or not _PREFIX.fullmatch(item["prefix"]):
        return ": prefix must be a registry such as docker.io or registry.example.com:5000, or _default"
    if "server" in item and not _is_url(item["server"]):
        return ": server must be a URL such as https://registry.example.com"
    if not isinstance(item["mirrors"], list):
        return ": mirrors must be a list of mappings with host"
    for number, mirror in enumerate(item["mirrors"], 1):
        problem = _find_mirror_problem(mirror)
        if problem:
            return f": mirrors: item {number}{problem}"
    return ""


def _find_mirror_problem(mirror: Any) -> str:
    problem = _find_field_problem(mirror, _MIRROR_FIELDS, ("host",))
    if problem:
        return problem
    if not _is_url(mirror["host"]):
        return ": host must be a URL such as https://mirror.example.com:5000"
    capabilities = mirror.get("capabilities", [])
    for capability in capabilities if isinstance(capabilities, list) else [capabilities]:
        if capability not in _CAPABILITIES:
            return f": capabilities: {capability!r} is not one of {', '.join(_CAPABILITIES)}"
    for name in ("skip_verify", "override_path"):
        if not isinstance(mirror.get(name, False), bool):
            return f": {name} must be true or false"
    return _find_file_problem(mirror) or _find_header_problem(mirror.get("header", {}))


def _find_file_problem(mirror: Mapping[str, Any]) -> str:
    authorities = mirror.get("ca", [])
    if not all(map(_is_path, authorities if isinstance(authorities, list) else [authorities])):
        return ": ca must be the absolute path of a file on the hosts, or a list of them"
    pairs = mirror.get("client", [])
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        return ": client must be a list of pairs: certificate and key"
    if not all(_is_path(file) for pair in pairs for file in pair):
        return ": client: certificate and key must be absolute paths of files on the hosts"
    return ""


def _find_header_problem(header: Any) -> str:
    if not isinstance(header, Mapping):
        return ": header must be a mapping"
    for name, value in header.items():
        if not _HEADER.fullmatch(str(name)):
            return f": header: {name!r} must consist of letters, digits, _ and -"
        if not all(map(_is_text, value if isinstance(value, list) else [value])):
            return f": header: {name}: must be a text without quotes and backslashes, or a list of them"
    return ""


def _find_auth_problem(item: Any) -> str:
    problem = _find_field_problem(item, _AUTH_FIELDS, ("registry",))
    if problem:
        return problem
    if not isinstance(item["registry"], str) or not _PREFIX.fullmatch(item["registry"]):
        return ": registry must be a host such as registry.example.com:5000"
    if bool(item.get("auth")) == bool(item.get("username") and item.get("password")):
        return ": needs username and password, or auth"
    for name in _AUTH_FIELDS[1:]:
        if not isinstance(item.get(name, ""), str):
            return f": {name} must be a text; write a number in quotes"
    return ""


def _find_field_problem(item: Any, fields: tuple[str, ...], required: tuple[str, ...]) -> str:
    if not isinstance(item, Mapping):
        return f" must be a mapping with {' and '.join(required)}"
    unknown = [str(name) for name in item if name not in fields]
    if unknown:
        return f": there is no field {unknown[0]}; the fields are {', '.join(fields)}"
    missing = [name for name in required if item.get(name) is None]
    return f": {missing[0]} is missing" if missing else ""


def _is_url(value: Any) -> bool:
    if not isinstance(value, str) or _SPECIAL.search(value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("/") and not _SPECIAL.search(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not _SPECIAL.search(value)
