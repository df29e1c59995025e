"""Sets the defaults of a schema.

Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/algorithm.go.
"""

from __future__ import annotations

from typing import Any

from kprov.kube.machinery.schema.custom.structural import ABSENT, Structural


def set_defaults(value: Any, schema: Structural) -> None:
    """Set defaults in place, also instead of nulls that the schema does not allow."""
    if not schema.has_defaults:
        return
    if type(value) is dict:
        _fill_object(value, schema)
    elif type(value) is list and schema.items is not None:
        items = schema.items
        for index, held in enumerate(value):
            if held is None and not items.nullable and items.default is not ABSENT:
                value[index] = items.make_default()
            set_defaults(value[index], items)


def _fill_object(value: dict[str, Any], schema: Structural) -> None:
    properties, additional = schema.properties, schema.additional
    for name, child in properties.items():
        if child.default is not ABSENT:
            held = value.get(name, ABSENT)
            if held is ABSENT or (held is None and not child.nullable):
                value[name] = child.make_default()
        if child.has_defaults and name in value:
            set_defaults(value[name], child)
    if isinstance(additional, Structural):
        for name in value.keys() - properties.keys():
            if value[name] is None and not additional.nullable and additional.default is not ABSENT:
                value[name] = additional.make_default()
            set_defaults(value[name], additional)
