"""What is wrong with a document that is applied, in upstream's words, with the paths of the fields.

Source: sigs.k8s.io/structured-merge-diff/v6/typed/{validate,helpers}.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kprov.kube.machinery import field_set, status
from kprov.kube.machinery.field_set import Path
from kprov.kube.machinery.schema_types import ANY_NODE, Kind, Node
from kprov.kube.machinery.structured_merge import StructuredMergeError, item_step


def refusal(node: Node, document: Mapping[str, Any], gvk: tuple[str, str, str]) -> status.StatusError | None:
    """400 with all that is wrong, None for a document that can be merged."""
    found = list(errors(node, document))
    if not found:
        return None
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        metadata = {}
    about = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {gvk[0]}/{gvk[1]}, Kind={gvk[2]}"
    text = found[0] if len(found) == 1 else "errors:\n  " + "\n  ".join(found)
    return status.bad_request(f"failed to create typed patch object ({about}): {text}")


def errors(node: Node, value: Any, path: Path = ()) -> Iterator[str]:
    """Fields that the type does not have; list items without a key, or with that of another item."""
    if isinstance(value, dict) and node.kind in {Kind.STRUCT, Kind.MAP}:
        for name, held in value.items():
            inner = (*path, f"f:{name}")
            if node.kind is Kind.STRUCT and node.fields and name not in node.fields:
                yield f"{field_set.shown(inner)}: field not declared in schema"
            else:
                child = node.fields.get(name, ANY_NODE) if node.kind is Kind.STRUCT else node.item or ANY_NODE
                yield from errors(child, held, inner)
    elif isinstance(value, list) and node.kind is Kind.LIST:
        if node.list_type == "atomic":
            for index, item in enumerate(value):
                yield from errors(node.item or ANY_NODE, item, (*path, f"i:{index}"))
        else:
            yield from _items(node, value, path)


def _items(node: Node, items: list[Any], path: Path) -> Iterator[str]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        try:
            step = item_step(node, item)
        except StructuredMergeError as error:
            yield f"{field_set.shown(path)}: element {index}: {error}"
            return
        if step in seen:
            yield f"{field_set.shown(path)}: duplicate entries for key {field_set.shown((step,))}"
        seen.add(step)
        yield from errors(node.item or ANY_NODE, item, (*path, step))
