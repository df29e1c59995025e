"""What stands in the way of making a typed object of a merged one: strategic merge patches are told so.

Source: upstream staging/src/k8s.io/apimachinery/pkg/runtime/converter.go.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.machinery.schema_types import ANY_NODE, Kind, Node

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
_SIMPLE: Final = {Kind.STRING: "string", Kind.BOOL: "bool", Kind.INT32: "int32", Kind.INT64: "int64"}


def problem(node: Node, value: Any) -> str | None:
    """The first value of a wrong type, in Go's words, without its path; None: there is none that is known."""
    if value is None:
        return None
    if node.kind in _CONTAINERS:
        wanted, words = _CONTAINERS[node.kind]
        if type(value) is not wanted:
            return f"cannot restore {words} {_KINDS[type(value)]}"
        return next(filter(None, (problem(child, held) for child, held in _held(node, value))), None)
    return _simple(_SIMPLE[node.kind], value) if node.kind in _SIMPLE else None


def _held(node: Node, value: Any) -> list[tuple[Node, Any]]:
    if node.kind is Kind.STRUCT:
        return [(node.fields[name], held) for name, held in value.items() if name in node.fields]
    if node.kind is Kind.BYTES:
        return []
    return [(node.item or ANY_NODE, held) for held in (value.values() if isinstance(value, dict) else value)]


def _simple(wanted: str, value: Any) -> str | None:
    found = _KINDS[type(value)]
    is_number = found in {"int64", "float64"}
    if found == wanted or (is_number and wanted.startswith("int") and value == int(value)):
        return None
    # Go turns numbers into each other, and a whole one into a string of one character.
    converts = wanted.startswith("int") if is_number else False
    if converts or (found == "int64" and wanted == "string"):
        return f"cannot convert {found} to {wanted}"
    return f"unrecognized type: {wanted}"
