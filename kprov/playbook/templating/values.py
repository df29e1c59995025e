"""The error of filters, tests and lookups, and conversions of their values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from types import GeneratorType
from typing import Any

import jinja2

from kprov.inventory.vault.vault_format import Unsafe
from kprov.playbook.templating.lazy_containers import is_template
from kprov.playbook.templating.undefined import Marker, type_name

#: The value of `omit`: arguments and entries of lists and mappings that have it are removed.
OMIT = "__omit_place_holder__kprov"

_SCALARS = frozenset((str, int, bool, float, type(None), bytes, dt.datetime, dt.date, dt.time))
_VIEWS: tuple[type, ...] = (
    type({}.keys()),
    type({}.values()),
    type({}.items()),
    map,
    zip,
    filter,
    enumerate,
    reversed,
    GeneratorType,
)


class FilterError(Exception):
    """A filter, test or lookup failed; the message says why."""


def to_plain(value: Any) -> Any:
    """Convert a value to plain types: tuples, sets and views to lists, mappings to dicts, without `omit`.

    Raises FilterError for a value that is not data (a function, a range), MarkerError for an undefined one.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if isinstance(value, Mapping):
        return {to_plain(key): to_plain(entry) for key, entry in value.items() if not is_omitted(entry)}
    if isinstance(value, Marker):
        return value.trip()
    if isinstance(value, str):
        return str.__str__(value)
    if (
        isinstance(value, jinja2.Undefined)
        or kind is range
        or (callable(value) and not isinstance(value, Iterable))
    ):
        raise FilterError(f"Type {kind.__name__!r} is unsupported for variable storage.")
    if isinstance(value, (list, tuple, set, frozenset, Iterable)) and not isinstance(value, bytearray):
        return [to_plain(entry) for entry in value if not is_omitted(entry)]
    for scalar in (int, float):
        if isinstance(value, scalar):
            return scalar(value)
    if isinstance(value, (dt.datetime, dt.date, dt.time, dt.timedelta, bytearray)):
        return value
    raise FilterError(f"Type {kind.__name__!r} is unsupported for variable storage.")


def mark_as_data(value: Any) -> Any:
    """Return a plain value whose texts are never rendered if they look like templates.

    All that comes out of a template is data: it may hold what a host answered. So a value that is rendered
    a second time, wherever it was stored, stays what it is.
    """
    if isinstance(value, str):
        return Unsafe(value) if is_template(value) else value
    if isinstance(value, dict):
        return {key: mark_as_data(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [mark_as_data(entry) for entry in value]
    return value


def is_omitted(value: Any) -> bool:
    """Whether a value is `omit`."""
    return type(value) is str and value == OMIT


def is_iterator(value: Any) -> bool:
    """Whether a value is an iterator or a view, which becomes a list."""
    return isinstance(value, _VIEWS)


def to_text(value: Any) -> str:
    """Convert a value to text; None becomes 'None', as in Ansible."""
    if type(value) is str:
        return value
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "surrogateescape")
    return str(to_plain(value)) if not isinstance(value, str) else str.__str__(value)


def is_sequence(value: Any) -> bool:
    """Whether a value is a list of things, not a text or a mapping."""
    return isinstance(value, (list, tuple, set, frozenset, range, *_VIEWS))


def describe_type(value: Any) -> str:
    return type_name(value)
