"""Lookups that rearrange their terms."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from kprov.playbook.templating import bounds
from kprov.playbook.templating.filters.choices import boolean
from kprov.playbook.templating.lookups.search import check_options, parse_key_values
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.values import FilterError, describe_type

Lookup = Callable[..., list[Any]]


def _flatten(terms: list[Any]) -> list[Any]:
    """Flatten one level of lists."""
    return [item for term in terms for item in (term if isinstance(term, (list, tuple)) else [term])]


def _dict(_scope: Scope, terms: list[Any]) -> list[Any]:
    for term in terms:
        if not isinstance(term, Mapping):
            raise FilterError(
                f"the 'dict' lookup plugin expects a dictionary, got {describe_type(term)}: {term!r}"
            )
    return [{"key": key, "value": term[key]} for term in terms for key in term]


def _lookup_nested(_scope: Scope, terms: list[Any]) -> list[Any]:
    if not terms:
        raise FilterError("with_nested requires at least one element in the nested list")
    lists = [term if isinstance(term, (list, tuple)) else [term] for term in terms]
    combinations: list[list[Any]] = [_flatten([item]) for item in lists[0]]
    for more in lists[1:]:
        combinations = [_flatten([*item, other]) for item in combinations for other in more]
    return combinations


def _together(_scope: Scope, terms: list[Any]) -> list[Any]:
    if not terms:
        raise FilterError("with_together requires at least one element in each list")
    return [_flatten(list(row)) for row in itertools.zip_longest(*terms)]


def _subelements(_scope: Scope, terms: list[Any]) -> list[Any]:
    if not 2 <= len(terms) <= 3 or not isinstance(terms[0], (list, dict)) or not isinstance(terms[1], str):
        raise FilterError(
            "subelements lookup expects a list of two or three items: a dict or a list, a string pointing to "
            "the subkey, and flags"
        )
    entries, path = terms[0], terms[1].split(".")
    flags = terms[2] if len(terms) == 3 else {}
    if not isinstance(flags, Mapping) or set(flags) - {"skip_missing"}:
        raise FilterError("the optional third item must be a dict with flags skip_missing")
    skip = boolean(flags.get("skip_missing", False))
    if isinstance(entries, dict):
        if entries.get("skipped", False) is not False:
            return []
        entries = list(entries.values())
    pairs: list[Any] = []
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise FilterError(f"subelements lookup expects a dictionary, got {entry!r}")
        if entry.get("skipped", False) is False:
            pairs += _pair_subelements(entry, path, skip)
    return pairs


def _pair_subelements(entry: Mapping[str, Any], path: list[str], skip: bool) -> list[Any]:
    inner: Any = entry
    for key in path:
        if not isinstance(inner, Mapping):
            raise FilterError(f"the key {key} should point to a dictionary, got {inner!r}")
        if key not in inner:
            if skip:
                return []
            raise FilterError(f"could not find {key!r} key in iterated item {inner!r}")
        inner = inner[key]
    if not isinstance(inner, list):
        raise FilterError(f"the key {path[-1]} should point to a list, got {inner!r}")
    return [[_remove_key(entry, path), element] for element in inner]


def _remove_key(entry: Any, path: list[str]) -> Any:
    """Return the entry without the list of the loop."""
    if len(path) == 1:
        return {key: value for key, value in entry.items() if key != path[0]}
    return {key: _remove_key(value, path[1:]) if key == path[0] else value for key, value in entry.items()}


_SHORT = re.compile(r"^((0x)?[0-9a-f]+-)?((0x)?[0-9a-f]+)(/((0x)?[0-9a-f]+))?(:(.+))?$", re.IGNORECASE)


def _sequence(_scope: Scope, terms: list[Any], **keywords: Any) -> list[Any]:
    numbers: list[Any] = []
    for term in terms or [""]:
        text = str(term)
        short = _SHORT.match(text)
        if short:
            parsed = {
                "start": (short[1] or "").rstrip("-") or None,
                "end": short[3],
                "stride": short[6],
                "format": short[9],
            }
        else:
            words, parsed = parse_key_values(text)  # type: ignore[assignment]
            if words:
                raise FilterError(f"unrecognized arguments to with_sequence: {words}")
        inline = {name: value for name, value in parsed.items() if value is not None}
        numbers += _make_numbers({**keywords, **inline})
    return numbers


def _make_numbers(keywords: dict[str, Any]) -> list[str]:
    defaults = {"start": 1, "end": None, "count": None, "stride": 1, "format": "%d"}
    every = check_options(keywords, defaults, "sequence")
    number = {
        name: int(value, 0)
        if isinstance(value, str) and not value.lstrip("-").isdigit()
        else value
        if value is None
        else int(value)
        for name, value in every.items()
        if name != "format"
    }
    start, end, count, stride = number["start"] or 0, number["end"], number["count"], number["stride"] or 0
    if (count is None) == (end is None):
        raise FilterError(
            "must specify count or end in with_sequence"
            if end is None
            else "can't specify both count and end in with_sequence"
        )
    if count == 0 or stride == 0:
        return []
    last = int(end) if end is not None else start + int(count or 0) * stride - 1
    if stride > 0 and last < start:
        raise FilterError("to count backwards make stride negative")
    if stride < 0 and last > start:
        raise FilterError("to count forward don't make stride negative")
    if every["format"].count("%") != 1:
        raise FilterError(f"bad formatting string: {every['format']}")
    numbers = bounds.make_range(start, last + (1 if stride > 0 else -1), stride)
    return [every["format"] % item for item in numbers]


def _random_choice(_scope: Scope, terms: list[Any]) -> list[Any]:
    return [secrets.choice(terms)] if terms else terms


LOOKUPS: dict[str, Lookup] = {
    "dict": _dict,
    "items": lambda _scope, terms: _flatten(terms),
    "list": lambda _scope, terms: terms,
    "indexed_items": lambda _scope, terms: [[index, item] for index, item in enumerate(_flatten(terms))],
    "nested": _lookup_nested,
    "cartesian": _lookup_nested,
    "together": _together,
    "subelements": _subelements,
    "sequence": _sequence,
    "random_choice": _random_choice,
    "flattened": lambda _scope, terms: _flatten_all(terms),
}


def _flatten_all(terms: list[Any]) -> list[Any]:
    """Flatten all levels of lists, without nulls."""
    items: list[Any] = []
    for term in terms:
        if isinstance(term, (list, tuple)):
            items += _flatten_all(list(term))
        elif term is not None and term not in ("None", "null"):
            items.append(term)
    return items
