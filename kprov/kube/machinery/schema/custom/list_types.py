"""Lists whose items must differ: sets, and maps by their keys.

Source: apiextensions-apiserver pkg/apiserver/schema/listtype/validation.go.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import orjson

from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.schema.custom.places import Place, format_path
from kprov.kube.machinery.schema.custom.structural import Structural


def find_key(item: dict[str, Any], keys: Sequence[str]) -> str:
    """Return the values of an item's keys as one text. Absent keys differ from all values."""
    held = {key: item[key] for key in keys if key in item}
    return orjson.dumps(held, option=orjson.OPT_SORT_KEYS).decode()


def find_errors(value: Any, schema: Structural, place: Place = ()) -> Iterator[FieldError]:
    """Yield the repeated items of all lists within a value."""
    if not schema.has_lists:
        return
    if type(value) is dict:
        for name, held in value.items():
            child = schema.properties.get(name)
            if child is not None:
                yield from find_errors(held, child, (place, name))
            elif isinstance(schema.additional, Structural):
                yield from find_errors(held, schema.additional, (place, name, True))
    elif type(value) is list and place:
        yield from _check_list(value, schema, place)


def _check_list(value: list[Any], schema: Structural, place: Place) -> Iterator[FieldError]:
    if schema.list_type == "set":
        for index in _find_repeats(value):
            yield field.duplicate(format_path((place, index)), value[index])
    elif schema.list_type == "map":
        yield from _check_map(value, schema.map_keys, place)
    if schema.items is not None:
        for index, held in enumerate(value):
            yield from find_errors(held, schema.items, (place, index))


def _check_map(value: list[Any], keys: Sequence[str], place: Place) -> Iterator[FieldError]:
    for index, item in enumerate(value):
        if item is not None and type(item) is not dict:
            text = "must be an object for an array of list-type map"
            yield field.invalid(format_path((place, index)), item, text)
            return
    parts = [{key: item[key] for key in keys if key in item} if item else {} for item in value]
    for index in _find_repeats(parts):
        yield field.duplicate(format_path((place, index)), parts[index])


def _find_repeats(items: Sequence[Any]) -> list[int]:
    """Return the indexes of the first repetition of each value."""
    counts: dict[Hashable, int] = {}
    repeats: list[int] = []
    for index, item in enumerate(items):
        key: Hashable = (
            orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
            if isinstance(item, dict | list)
            else (type(item), item)
        )
        count = counts[key] = counts.get(key, 0) + 1
        if count == 2:
            repeats.append(index)
    return repeats
