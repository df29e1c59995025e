# The filters must choose the same values for the same seed.
# ruff: noqa: S311
"""Filters of community.general and ansible.utils that roles use."""

from __future__ import annotations

import csv
import random
import re
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from kprov.playbook.templating.filters.data import combine
from kprov.playbook.templating.values import FilterError, to_plain


def json_query(value: Any, expr: str) -> Any:
    """Run a JMESPath query with the library jmespath."""
    try:
        import jmespath
    except ImportError:
        raise FilterError("json_query needs the Python library jmespath: pip install jmespath") from None
    try:
        return jmespath.search(expr, to_plain(value))
    except jmespath.exceptions.JMESPathError as error:
        raise FilterError(f"json_query: {error}") from None


def lists_mergeby(*terms: Any, recursive: bool = False, list_merge: str = "replace") -> list[Any]:
    """Merge lists of mappings: merge entries with the same value of a key, sort by it."""
    *lists, index = terms
    if len(lists) == 1 and lists[0] and isinstance(lists[0][0], list):
        lists = lists[0]
    merged: dict[Any, Any] = {}
    for entries in lists:
        for entry in entries:
            if not isinstance(entry, Mapping):
                raise FilterError(
                    f"Elements of list arguments for lists_mergeby must be dictionaries. {entry!r}"
                )
            if index in entry:
                name = entry[index]
                merged[name] = combine(
                    merged.get(name, {}), entry, recursive=recursive, list_merge=list_merge
                )
    return [merged[name] for name in sorted(merged)]


def groupby_as_dict(value: Any, attribute: str) -> dict[Any, Any]:
    entries: dict[Any, Any] = {}
    for index, entry in enumerate(value):
        if not isinstance(entry, Mapping) or attribute not in entry:
            raise FilterError(f"Attribute not contained in element #{index} of sequence")
        if entry[attribute] in entries:
            raise FilterError(f"Multiple sequence entries have attribute value {entry[attribute]!r}")
        entries[entry[attribute]] = entry
    return entries


def counter(value: Any) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for entry in value:
        counts[entry] = counts.get(entry, 0) + 1
    return counts


def random_mac(value: str, seed: Any = None) -> str:
    """Complete the start of a hardware address at random (equally for the same seed)."""
    octets = str(value).lower().split(":")
    if (
        not value
        or len(octets) > 5
        or not all(re.fullmatch("[0-9a-f][0-9a-f]?", part or "00") for part in octets)
    ):
        raise FilterError(f"Invalid value ({value}) for random_mac: it takes 1 to 5 bytes like 52:54:00")
    parts = [f"{int(part, 16):02x}" for part in octets if part]
    source = random.SystemRandom() if seed is None else random.Random(seed)
    drawn = source.randint(0x1000000000, 0xFFFFFFFFFF)
    tail = f"{drawn:x}"
    return ":".join([*parts, *(tail[at : at + 2] for at in range(0, 10, 2))][:6])


def version_sort(value: Any, reverse: bool = False) -> list[Any]:
    from kprov.playbook.templating.versions import parse_loose

    return sorted(value, key=lambda version: parse_loose(str(version)), reverse=reverse)


def from_csv(
    value: str,
    dialect: str = "excel",
    fieldnames: Any = None,
    delimiter: Any = None,
    skipinitialspace: Any = None,
    strict: Any = None,
) -> list[dict[str, Any]]:
    options = {"delimiter": delimiter, "skipinitialspace": skipinitialspace, "strict": strict}
    set_options = {name: option for name, option in options.items() if option is not None}
    return [
        dict(row) for row in csv.DictReader(value.splitlines(), fieldnames, dialect=dialect, **set_options)
    ]


_SECONDS = {
    "milliseconds": 0.001,
    "ms": 0.001,
    "msec": 0.001,
    "seconds": 1,
    "second": 1,
    "secs": 1,
    "sec": 1,
    "s": 1,
    "minutes": 60,
    "minute": 60,
    "mins": 60,
    "min": 60,
    "m": 60,
    "hours": 3600,
    "hour": 3600,
    "h": 3600,
    "days": 86400,
    "day": 86400,
    "d": 86400,
    "weeks": 604800,
    "week": 604800,
    "w": 604800,
}


def to_time_unit(value: Any, unit: str = "ms", year: int = 365, month: int = 30) -> float:
    """Convert a duration such as '1h 30m' to a unit (ms, s, min, h, d, w, mo, y)."""
    units = dict(_SECONDS)
    units |= dict.fromkeys(("months", "month", "mo"), 86400 * month)
    units |= dict.fromkeys(("years", "year", "y"), 86400 * year)
    total = 0.0
    if str(unit).lower() not in units:
        raise FilterError(f"to_time_unit() can't convert to the following unit: {unit}")
    if value != "":
        for part in re.split(r"\s+", str(value).strip()):
            match = re.fullmatch(r"(-?\d+)([a-zA-Z]+)?", part)
            if not match or (match[2] and match[2].lower() not in units):
                raise FilterError(f"to_time_unit() can't interpret following string: {value}")
            total += int(match[1]) * units[(match[2] or "s").lower()]
    return round(total / units[str(unit).lower()], 12)


def _to(unit: str) -> Callable[..., float]:
    return lambda value, **lengths: to_time_unit(value, unit, **lengths)


def index_of(value: Any, test: str, *args: Any) -> Any:
    """Return the index of the entries that match a test, as ansible.utils.index_of."""
    if test != "eq" or len(args) != 1:
        raise FilterError("index_of: only the test 'eq' with a value is supported; use selectattr or a loop")
    indexes = [index for index, entry in enumerate(value) if entry == args[0]]
    return indexes[0] if len(indexes) == 1 else indexes


def get_path(value: Any, path: str) -> Any:
    """Return the value at a path such as `a.b[0]`."""
    for key in re.findall(r"[^.\[\]'\"]+", path):
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def to_paths(value: Any, prepend: str = "") -> dict[str, Any]:
    paths: dict[str, Any] = {}

    def walk(node: Any, place: str) -> None:
        if isinstance(node, Mapping) and node:
            for key, entry in node.items():
                walk(entry, f"{place}.{key}" if place else str(key))
        elif isinstance(node, list) and node:
            for index, entry in enumerate(node):
                walk(entry, f"{place}[{index}]")
        else:
            paths[place] = node

    walk(value, prepend)
    return paths


COMMUNITY: dict[str, Callable[..., Any]] = {
    "json_query": json_query,
    "dict_kv": lambda value, key: {key: value},
    "dict": lambda value: dict(value),
    "lists_mergeby": lists_mergeby,
    "groupby_as_dict": groupby_as_dict,
    "counter": counter,
    "random_mac": random_mac,
    "version_sort": version_sort,
    "from_csv": from_csv,
    "crc32": lambda value: f"{zlib.crc32(value.encode()) & 0xFFFFFFFF:x}",
    "unicode_normalize": lambda value, form="NFC": unicodedata.normalize(form, value),
    "to_time_unit": to_time_unit,
    "to_milliseconds": _to("ms"),
    "to_seconds": _to("s"),
    "to_minutes": _to("min"),
    "to_hours": _to("h"),
    "to_days": _to("d"),
    "to_weeks": _to("w"),
    "to_months": _to("mo"),
    "to_years": _to("y"),
}
UTILS: dict[str, Callable[..., Any]] = {"index_of": index_of, "get_path": get_path, "to_paths": to_paths}
