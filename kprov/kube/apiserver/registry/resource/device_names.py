"""Names of devices, pools and drivers, and UIDs.

Source: upstream pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

import re
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import Errors, check_value
from kprov.kube.apiserver.registry.podspec.volumes import check_csi_driver_name
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_IDENTIFIER_MAX: Final = 32
_HEX: Final = "[0-9a-fA-F]"
_UUID: Final = re.compile(f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}")
_UUID_LENGTH, _UUID_BARE = 36, 32
_NORMAL_UUID: Final = (
    "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase "
    "hexadecimal characters"
)


def check_label(name: str, path: str) -> Errors:
    yield from check_value(name, path, names.is_dns1123_label)


def check_label_key(name: str, path: str) -> Errors:
    yield from check_value(name, path, names.is_qualified_name)


def check_required_label(name: str, path: str) -> Errors:
    if name:
        yield from check_label(name, path)
    else:
        yield field.required(path)


def check_pool_name(name: str, path: str) -> Errors:
    """Check subdomains with slashes between them."""
    if not name:
        yield field.required(path)
        return
    if len(name.encode()) > names.SUBDOMAIN_MAX:
        yield field.too_long(path, names.SUBDOMAIN_MAX)
    for part in name.split("/"):
        yield from check_value(part, path, names.is_dns1123_subdomain)


def check_uid(value: str, path: str) -> Errors:
    problem = _find_uuid_problem(value)
    if problem:
        yield field.invalid(path, value, f"error validating uid: {problem}")
    elif len(value) != _UUID_LENGTH or value != value.lower():
        yield field.invalid(path, value, _NORMAL_UUID)


def _find_uuid_problem(text: str) -> str:
    """Why a UUID is invalid. It may be plain, a URN, in braces, or without hyphens."""
    length = len(text.encode())
    if length == _UUID_LENGTH + len("urn:uuid:"):
        if text[:9].lower() != "urn:uuid:":
            return f"invalid urn prefix: {field.format_value(text[:9])}"
        text = text[9:]
    elif length == _UUID_LENGTH + 2:
        if text[0] != "{" or text[-1] != "}":
            return "invalid bracketed UUID format"
        text = text[1:-1]
    elif length == _UUID_BARE:
        return "" if re.fullmatch(f"{_HEX}{{32}}", text) else "invalid UUID format"
    elif length != _UUID_LENGTH:
        return f"invalid UUID length: {length}"
    return "" if _UUID.fullmatch(text) else "invalid UUID format"


def check_qualified_name(name: str, path: str) -> Errors:
    """Check an identifier with or without a domain. As upstream, a name with two slashes is not checked."""
    parts = name.split("/")
    if len(parts) == 1:
        yield from _validate_identifier(name, path)
    elif len(parts) == 2:
        domain, identifier = parts
        if domain:
            yield from check_csi_driver_name(domain, path)
        else:
            yield field.invalid(path, "", "the domain must not be empty")
        if identifier:
            yield from _validate_identifier(identifier, path)
        else:
            yield field.invalid(path, "", "the name must not be empty")


def check_fully_qualified_name(name: str, path: str) -> Errors:
    yield from check_qualified_name(name, path)
    if "/" not in name:
        text = "a fully qualified name must be a domain and a name separated by a slash"
        yield field.invalid(path, name, text)


def _validate_identifier(name: str, path: str) -> Errors:
    if len(name.encode()) > _IDENTIFIER_MAX:
        yield field.too_long(path, _IDENTIFIER_MAX)
    yield from check_value(name, path, names.is_c_identifier)


def get_name(owner: JsonObject) -> str:
    name: str = owner.get("name", "")
    return name
