"""Conversion of merged documents to typed objects, as upstream does it after strategic merge patch and apply.

Source: upstream staging/src/k8s.io/apimachinery/pkg/runtime/converter.go.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.schema import go_types
from kprov.kube.machinery.schema.nodes import ANY_NODE, Kind, Node

_KINDS: Final[dict[type, str]] = {
    dict: "map",
    list: "slice",
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
}
_CONTAINERS: Final[dict[Kind, tuple[type, str]]] = {
    Kind.STRUCT: (dict, "struct from:"),
    Kind.MAP: (dict, "map from"),
    Kind.LIST: (list, "slice from"),
    Kind.BYTES: (str, "slice from"),
}
_BITS: Final = {Kind.INT32: 32, Kind.INT64: 64}
_SIMPLE: Final = {Kind.STRING: "string", Kind.BOOL: "bool", Kind.INT32: "int32", Kind.INT64: "int64"}


def find_problem(node: Node, value: Any, go_type: str = "") -> str | None:
    """Go's message for the first value of a wrong type, without its path. None if there is none.

    go_type: the type's name if the schema does not have it.
    """
    if value is None:
        return None
    if node.kind in _CONTAINERS:
        wanted, words = _CONTAINERS[node.kind]
        if type(value) is not wanted:
            return f"cannot restore {words} {_KINDS[type(value)]}"
        problems = (find_problem(*child) for child in _list_children(node, value, go_type))
        return next(filter(None, problems), None)
    return _check_scalar(_SIMPLE[node.kind], value, go_type) if node.kind in _SIMPLE else None


def convert_numbers(node: Node, value: Any) -> Any:
    """Change numbers of integer fields in place as Go's conversion does. Return the value.

    80.0 becomes 80. Numbers that are too large are truncated to the lower bits. Values of a wrong type stay.
    """
    if isinstance(value, dict):
        children = node.fields if node.kind is Kind.STRUCT else None
        for name, held in value.items():
            if isinstance(held, dict | list | int | float):
                child = node.item if children is None else children.get(name)
                value[name] = convert_numbers(child or ANY_NODE, held)
    elif isinstance(value, list):
        for index, held in enumerate(value):
            if isinstance(held, dict | list | int | float):
                value[index] = convert_numbers(node.item or ANY_NODE, held)
    elif node.kind in _BITS and type(value) is not bool and value == value // 1:
        return _lower_bits(value, _BITS[node.kind])
    elif node.kind is Kind.INT_OR_STRING and type(value) is float:
        return go_json.round_trip_number(value)
    return value


def _lower_bits(value: float, bits: int) -> int:
    """Return a whole number converted to an integer of so many bits, at most 64, as Go does it."""
    number = int(value)
    if not -(2**63) <= number < 2**63:
        number = -(2**63)
    half = 1 << (bits - 1)
    return (number + half) % (1 << bits) - half


def _list_children(node: Node, value: Any, go_type: str) -> list[tuple[Node, Any, str]]:
    if node.kind is Kind.STRUCT:
        fields, named = node.fields, go_types.fields(node)
        return [
            (fields[name], held, named[name].go_type if name in named else "")
            for name, held in value.items()
            if name in fields
        ]
    if node.kind is Kind.BYTES:
        return []
    item, of_items = node.item or ANY_NODE, go_types.item_type(go_type)
    return [(item, held, of_items) for held in (value.values() if isinstance(value, dict) else value)]


def _check_scalar(wanted: str, value: Any, go_type: str) -> str | None:
    kind = _KINDS[type(value)]
    is_number = kind in {"int64", "float64"}
    if kind == wanted or (is_number and wanted.startswith("int") and value == int(value)):
        return None
    # Go converts between numbers, and an integer to a string of one character.
    converts = wanted.startswith("int") if is_number else False
    if converts or (kind == "int64" and wanted == "string"):
        return f"cannot convert {kind} to {go_type or wanted}"
    return f"unrecognized type: {wanted}"
