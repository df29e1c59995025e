"""Removes the fields that a schema does not have, and nulls where the schema allows none.

Source: apiextensions-apiserver pkg/apiserver/schema/pruning/algorithm.go, defaulting/prunenulls.go.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.machinery.schema.custom.places import Place, format_dotted
from kprov.kube.machinery.schema.custom.structural import ABSENT, Structural

META: Final = frozenset({"apiVersion", "kind", "metadata"})


def prune(obj: dict[str, Any], schema: Structural) -> list[str]:
    """Remove unknown fields and nulls in place. Return the paths of the unknown fields, sorted."""
    unknown: list[str] = []
    _prune_object(obj, schema, (), unknown, is_resource=True)
    return sorted(unknown)


def prune_value(value: Any, schema: Structural) -> list[str]:
    """As `prune`, for a value within an object."""
    unknown: list[str] = []
    _prune(value, schema, (), unknown)
    return sorted(unknown)


def _prune(value: Any, schema: Structural, place: Place, unknown: list[str]) -> None:
    if type(value) is dict:
        _prune_object(value, schema, place, unknown, is_resource=schema.embedded)
    elif type(value) is list:
        _prune_list(value, schema, place, unknown)


def _prune_list(value: list[Any], schema: Structural, place: Place, unknown: list[str]) -> None:
    items = schema.items
    if items is not None:
        for index, held in enumerate(value):
            if type(held) is dict or type(held) is list:
                _prune(held, items, (place, index), unknown)
    elif not schema.preserve:
        _empty(value, place, unknown)


def _prune_object(
    value: dict[str, Any], schema: Structural, place: Place, unknown: list[str], *, is_resource: bool
) -> None:
    properties, additional = schema.properties, schema.additional
    dropped: list[str] = []
    for name, held in value.items():
        child = properties.get(name, additional)
        is_meta = is_resource and name in META
        if isinstance(child, Structural):
            if held is None:
                if not child.nullable and child.default is ABSENT:
                    dropped.append(name)
            elif not is_meta:
                _prune(held, child, (place, name), unknown)
        elif is_meta or schema.preserve:
            continue
        elif child is None:
            if place or name not in META:
                unknown.append(format_dotted((place, name)))
            dropped.append(name)
        else:
            _empty(held, (place, name), unknown)
    for name in dropped:
        del value[name]


def _empty(value: Any, place: Place, unknown: list[str]) -> None:
    """Remove all fields of a value for which there is no schema."""
    pending = [(value, place)]
    while pending:
        current, where = pending.pop()
        if type(current) is dict:
            unknown += [format_dotted((where, name)) for name in current]
            current.clear()
        elif type(current) is list:
            pending += [(held, (where, index)) for index, held in enumerate(current)]
