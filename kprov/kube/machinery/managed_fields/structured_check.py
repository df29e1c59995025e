"""Checks of applied documents against their types, with upstream's messages.

Source: sigs.k8s.io/structured-merge-diff/v6/typed/{validate,helpers}.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kprov.kube.machinery import status
from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.managed_fields import field_set
from kprov.kube.machinery.managed_fields.field_set import Path
from kprov.kube.machinery.managed_fields.structured_merge import StructuredMergeError, item_step
from kprov.kube.machinery.schema.nodes import ANY_NODE, Kind, Node

_HOLDERS: Final[dict[Kind, tuple[str, type]]] = {
    Kind.STRUCT: ("map", dict),
    Kind.MAP: ("map", dict),
    Kind.LIST: ("list", list),
}
_NUMBERS: Final = (Kind.INT32, Kind.INT64, Kind.NUMBER)
_TEXTS: Final = (Kind.STRING, Kind.BYTES)
_GO_TYPES: Final[dict[type, str]] = {
    str: "string",
    bool: "bool",
    dict: "map[string]interface {}",
    list: "[]interface {}",
}


def find_error(
    node: Node, document: Mapping[str, Any], gvk: tuple[str, str, str]
) -> status.StatusError | None:
    """Return a 400 error with all problems. None for a document that can be merged."""
    errors = list(iterate_errors(node, document))
    if not errors:
        return None
    text = errors[0] if len(errors) == 1 else "errors:\n  " + "\n  ".join(errors)
    return status.bad_request(
        f"failed to create typed patch object ({describe_object(document, gvk)}): {text}"
    )


def describe_object(document: Mapping[str, Any], gvk: tuple[str, str, str]) -> str:
    """Return the object in messages: "NAMESPACE/NAME; GROUP/VERSION, Kind=KIND"."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        metadata = {}
    namespace, name = (
        value if isinstance(value := metadata.get(field), str) else "" for field in ("namespace", "name")
    )
    return f"{namespace}/{name}; {gvk[0]}/{gvk[1]}, Kind={gvk[2]}"


def iterate_errors(node: Node, value: Any, path: Path = ()) -> Iterator[str]:
    """Messages for unknown fields, list items with missing or duplicate keys, and wrong types."""
    mismatch = _describe_mismatch(node.kind, value)
    if mismatch:
        yield f"{field_set.format_path(path)}: {mismatch}"
    elif isinstance(value, dict) and node.kind in {Kind.STRUCT, Kind.MAP}:
        for name, held in value.items():
            inner = (*path, f"f:{name}")
            is_closed = node.kind is Kind.STRUCT and node.item is None and bool(node.fields)
            if is_closed and name not in node.fields:
                # Upstream looks at none of those that follow; in which order they come is Go's choice there.
                yield f"{field_set.format_path(inner)}: field not declared in schema"
                return
            child = node.fields.get(name, ANY_NODE) if node.kind is Kind.STRUCT else node.item or ANY_NODE
            yield from iterate_errors(child, held, inner)
    elif isinstance(value, list) and node.kind is Kind.LIST:
        if node.list_type == "atomic":
            for index, item in enumerate(value):
                yield from iterate_errors(node.item or ANY_NODE, item, (*path, f"i:{index}"))
        else:
            yield from _check_items(node, value, path)


def _check_items(node: Node, items: list[Any], path: Path) -> Iterator[str]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        try:
            step = item_step(node, item)
        except StructuredMergeError as error:
            yield f"{field_set.format_path(path)}: element {index}: {error}"
            return
        if step in seen:
            yield f"{field_set.format_path(path)}: duplicate entries for key {field_set.format_path((step,))}"
        seen.add(step)
        yield from iterate_errors(node.item or ANY_NODE, item, (*path, step))


def _describe_mismatch(kind: Kind, value: Any) -> str:
    """Return the message for a value of a wrong type, "" for a valid value and for null."""
    if value is None or kind is Kind.ANY:
        return ""
    if kind in _HOLDERS:
        name, holder = _HOLDERS[kind]
        return "" if isinstance(value, holder) else _describe_expected(name, value)
    if kind in _NUMBERS:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if is_number else f"expected numeric (int or float), got {_GO_TYPES[type(value)]}"
    if kind is Kind.BOOL:
        return "" if isinstance(value, bool) else _describe_expected("boolean", value)
    if kind in _TEXTS:
        return "" if isinstance(value, str) else _describe_expected("string", value)
    if kind is Kind.INT_OR_STRING:
        return ""
    return _describe_expected("any scalar", value) if isinstance(value, dict | list) else ""


def _describe_expected(name: str, value: Any) -> str:
    return f"expected {name}, got &{{{go_json.format_value(value)}}}"
