"""Checks containerd_additional_runtimes: runtimes beside runc, in kubespray's form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_OPTION = re.compile(r"[A-Za-z0-9_-]+")
_TEXTS = ("name", "type", "engine", "root", "base_runtime_spec")
_REQUIRED = ("name", "type")
_FIELDS = frozenset({*_TEXTS, "options"})
#: Characters that would end or escape a TOML string.
_SPECIAL = re.compile(r'["\\\x00-\x1f\x7f]')
_DEFAULT = "runc"


def check_runtimes(value: Any) -> Any:
    """Return the list unchanged. ValueError names the item and field that containerd would reject."""
    if not isinstance(value, list):
        raise ValueError("must be a list of mappings with name and type")  # noqa: TRY004 - pydantic's protocol
    items: dict[str, int] = {}
    for number, runtime in enumerate(value, 1):
        problem = _find_problem(runtime)
        if problem:
            raise ValueError(f"item {number}{problem}")
        name = runtime["name"]
        if name in items:
            raise ValueError(f"item {number}: {name} is item {items[name]} already")
        items[name] = number
    return value


def _find_problem(runtime: Any) -> str:
    """Return the message after the item's number; "" if the item is valid."""
    if not isinstance(runtime, Mapping):
        return " must be a mapping with name and type"
    unknown = [str(name) for name in runtime if name not in _FIELDS]
    if unknown:
        return f": there is no field {unknown[0]}; the fields are {', '.join(sorted(_FIELDS))}"
    missing = [name for name in _REQUIRED if not runtime.get(name)]
    if missing:
        return f": {missing[0]} is missing"
    for name in _TEXTS:
        if not _is_text(runtime.get(name, "")):
            return f": {name} must be a text without quotes and backslashes"
    if not _NAME.fullmatch(runtime["name"]):
        return ": name must consist of lower-case letters, digits, - and ., as a RuntimeClass's handler"
    if runtime["name"] == _DEFAULT:
        return f": {_DEFAULT} is containerd's default runtime and cannot be defined again"
    return _find_option_problem(runtime.get("options", {}))


def _find_option_problem(options: Any) -> str:
    if not isinstance(options, Mapping):
        return ": options must be a mapping"
    for name, value in options.items():
        if not _OPTION.fullmatch(str(name)):
            return f": options.{name}: a name consists of letters, digits, _ and -"
        if not isinstance(value, bool | int) and not _is_text(value):
            kinds = "true, false, a whole number or a text without quotes and backslashes"
            return f": options.{name}: must be {kinds}"
    return ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not _SPECIAL.search(value)
