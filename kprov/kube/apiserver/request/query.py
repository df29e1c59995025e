"""Read query parameters: booleans, lists and 64-bit integers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from multidict import MultiMapping

from kprov.kube.machinery import field, status
from kprov.kube.machinery.integers import parse_clamped

INT64: Final = 1 << 63
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")


def is_true(text: str | None) -> bool:
    """Whether a boolean parameter is present and neither "0" nor "false", as upstream converts it."""
    return text is not None and text.lower() not in {"0", "false"}


def list_values(query: Mapping[str, str], name: str) -> list[str]:
    """All values of a parameter."""
    if isinstance(query, MultiMapping):
        return list(query.getall(name, ()))
    return [query[name]] if name in query else []


def parse_integer(query: Mapping[str, str], name: str) -> int | None:
    """Return a parameter of Go's type int64, None if it is missing. Raise StatusError 400."""
    text = query.get(name)
    if text is None:
        return None
    if not _INTEGER.fullmatch(text):
        raise status.bad_request(f"strconv.ParseInt: parsing {status.quoted(text)}: invalid syntax")
    number = parse_clamped(text)
    if not -INT64 <= number < INT64:
        raise status.bad_request(f"strconv.ParseInt: parsing {status.quoted(text)}: value out of range")
    return number


def check_dry_run(values: list[str]) -> list[field.FieldError]:
    if all(value == "All" for value in values):
        return []
    return [field.not_supported("dryRun", values, ["All"])]
