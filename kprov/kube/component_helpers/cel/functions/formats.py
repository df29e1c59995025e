"""Formats of names: `!format.dns1123Label().validate("web").hasValue()`.

`format.named` is missing: functions of the library's Python binding cannot return optional values. The
result of `validate` is a message for the same reason.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

from kprov.kube.component_helpers.cel.functions.declaration import (
    BOOL,
    STRING,
    STRINGS,
    Declaration,
    function,
    member,
)
from kprov.kube.component_helpers.cel.functions.strings import is_url
from kprov.kube.component_helpers.cel.types import FORMAT_PROBLEMS, NAMED_FORMAT, make
from kprov.kube.machinery import names

_UUID: Final = re.compile("[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def _check_prefix(check: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    """Check a prefix, which may end with a dash."""
    return lambda text: check(f"{text[:-1]}a" if text.endswith("-") else text)


def _check_with(parse: Callable[[str], Any], problem: str) -> Callable[[str], list[str]]:
    def check(text: str) -> list[str]:
        try:
            parse(text)
        except (ValueError, binascii.Error):
            return [problem]
        return []

    return check


_FORMATS: Final[dict[str, Callable[[str], list[str]]]] = {
    "dns1123Label": names.is_dns1123_label,
    "dns1123Subdomain": names.is_dns1123_subdomain,
    "dns1035Label": names.is_dns1035_label,
    "qualifiedName": names.is_qualified_name,
    "dns1123LabelPrefix": _check_prefix(names.is_dns1123_label),
    "dns1123SubdomainPrefix": _check_prefix(names.is_dns1123_subdomain),
    "dns1035LabelPrefix": _check_prefix(names.is_dns1035_label),
    "labelValue": names.is_label_value,
    "uri": lambda text: [] if is_url(text) else ["invalid URI for request"],
    "uuid": lambda text: [] if _UUID.fullmatch(text) else ["does not match the UUID format"],
    "byte": _check_with(lambda text: base64.b64decode(text, validate=True), "invalid base64"),
    "date": _check_with(date.fromisoformat, "invalid date"),
    "datetime": _check_with(datetime.fromisoformat, "invalid datetime"),
}


def _validate(named: Any, text: str) -> Any:
    return make(FORMAT_PROBLEMS, problems=_FORMATS[named.name](text))


def _get_problems(result: Any) -> list[str]:
    if not result.problems:
        raise ValueError("optional.none() dereference")
    return list(result.problems)


def _declare_format(name: str) -> Declaration:
    return function(f"format.{name}", (), NAMED_FORMAT, lambda: make(NAMED_FORMAT, name=name))


DECLARATIONS: Final[tuple[Declaration, ...]] = (
    *(_declare_format(name) for name in _FORMATS),
    member("validate", (NAMED_FORMAT, STRING), FORMAT_PROBLEMS, _validate),
    member("hasValue", (FORMAT_PROBLEMS,), BOOL, lambda result: bool(result.problems)),
    member("value", (FORMAT_PROBLEMS,), STRINGS, _get_problems),
)
