"""Tests of texts: patterns, versions, truth, URLs."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlparse

from kprov.inventory import bounded_regex
from kprov.playbook.templating import versions
from kprov.playbook.templating.values import FilterError, to_text


def regex(
    value: Any = "",
    pattern: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    match_type: str = "search",
) -> bool:
    flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
    method = match_type if match_type in ("match", "fullmatch") else "search"
    return bounded_regex.matches(method, pattern, to_text(value), flags)  # type: ignore[arg-type]


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
        return bool(_OPERATORS[operator](make(to_text(value)), make(to_text(version))))
    except (TypeError, ValueError) as error:
        raise FilterError(f"Version comparison failed: {error}") from None


def truthy(value: Any, convert_bool: bool = False) -> bool:
    text = str(value).strip().lower()
    if convert_bool and isinstance(value, (str, int, float)):
        if text in ("y", "yes", "on", "1", "true", "t", "1.0"):
            return True
        if text in ("n", "no", "off", "0", "false", "f", "0.0"):
            return False
    return bool(value)


def _uri(value: Any, schemes: Any = None) -> bool:
    try:
        parts = urlparse(value)
    except (ValueError, TypeError, AttributeError):
        return False
    return not schemes or parts.scheme in schemes


def _url(value: Any, schemes: Any = None) -> bool:
    return _uri(value, schemes) and bool(urlparse(value).netloc or urlparse(value).scheme == "file")


TESTS: dict[str, Callable[..., Any]] = {
    "match": _match,
    "search": _search,
    "regex": regex,
    "version": version,
    "version_compare": version,
    "truthy": truthy,
    "falsy": lambda value, convert_bool=False: not truthy(value, convert_bool),
    "uri": _uri,
    "url": _url,
    "urn": lambda value: _uri(value, ["urn"]),
    "vault_encrypted": lambda value: isinstance(value, str) and value.startswith("$ANSIBLE_VAULT"),
}
