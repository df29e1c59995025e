"""Sets of field paths and their wire form FieldsV1.

A path is a tuple of steps as FieldsV1 writes them: "f:NAME" a field, 'k:{"name":"a"}' an item of a map list
by its keys, 'v:"x"' an item of a set. A set of fields is a plain Python set, so its algebra is Python's.
Source: sigs.k8s.io/structured-merge-diff/v6/fieldpath.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

Path = tuple[str, ...]
FieldSet = set[Path]

#: The values of a step without children.
_EMPTY: Final[tuple[Any, ...]] = ({}, None)


def decode_fields(fields: dict[str, Any] | None) -> FieldSet:
    """Decode FieldsV1, nested objects. "." marks an inner node that is itself a member.

    Raises ValueError if invalid. Ignores steps of unknown kinds, which later versions may add.
    """
    paths: FieldSet = set()

    def walk(node: dict[str, Any], path: Path) -> None:
        if type(node) is not dict:
            raise ValueError(f"no object at {path}")
        for step, children in node.items():
            if step == ".":
                paths.add(path)
            elif step[:2] != "f:" and not _is_known(step):
                continue
            elif children or children not in _EMPTY:
                walk(children, (*path, step))
            else:
                paths.add((*path, step))

    walk({} if fields is None else fields, ())
    return paths


def _is_known(step: str) -> bool:
    """Whether the kind of a step is known. Raises ValueError for an invalid step."""
    if step[1:2] != ":":
        raise ValueError(f"missing colon: {step}")
    kind, text = step[0], step[2:]
    if kind == "i":
        int(text)
    elif kind == "v":
        orjson.loads(text)
    elif kind == "k":
        if type(orjson.loads(text)) is not dict:
            raise ValueError(f"no keys: {step}")
    else:
        return False
    return True


def encode_fields(paths: FieldSet) -> dict[str, Any]:
    """Encode as FieldsV1, with steps in upstream's order."""
    root: dict[str, Any] = {}
    for path in sorted(paths):
        node = root
        for step in path[:-1]:
            held = node.get(step)
            if held is None:
                held = node[step] = {}
            elif not held:
                held["."] = {}  # sorting puts a member before its children
            node = held
        node[path[-1]] = {}
    return root


def prefixes(paths: Iterable[Path]) -> FieldSet:
    """Every proper, non-empty beginning of the paths."""
    heads: FieldSet = set()
    for path in paths:
        for length in range(len(path) - 1, 0, -1):
            head = path[:length]
            if head in heads:
                break
            heads.add(head)
    return heads


def exclude(paths: FieldSet, excluded: Iterable[Path]) -> FieldSet:
    """Return the paths that do not begin with one of `excluded`."""
    heads = [(head, len(head)) for head in excluded]
    if not heads:
        return paths
    return {path for path in paths if all(path[:length] != head for head, length in heads)}


def sort_paths(paths: FieldSet) -> list[Path]:
    """Sort as upstream walks a set: the members of an object by name, then what is below them."""
    return sorted(paths, key=_sort_key)


def _sort_key(path: Path) -> list[tuple[bool, tuple[Any, ...]]]:
    last = len(path) - 1
    return [(index < last, _rank(step)) for index, step in enumerate(path)]


def _rank(step: str) -> tuple[Any, ...]:
    """Sort fields by name, list items by their keys, and items of sets by value."""
    kind, text = step[0], step[2:]
    if kind == "f":
        return 0, text
    if kind == "k":
        return 1, [(name, *_value_rank(value)) for name, value in sorted(orjson.loads(text).items())]
    return (2, *_value_rank(orjson.loads(text))) if kind == "v" else (3, int(text))


def _value_rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool):
        return 2, value
    if isinstance(value, int | float):
        return 0, value
    return (1, value) if isinstance(value, str) else (3, _json(value))


def format_path(path: Path) -> str:
    """Return the form of a path in messages: .spec.containers[name="a"].image."""
    return "".join(map(_format_step, path))


def _format_step(step: str) -> str:
    kind, text = step[0], step[2:]
    if kind == "f":
        return f".{text}"
    if kind == "k":
        keys = orjson.loads(text)
        return "[" + ",".join(f"{name}={_json(value)}" for name, value in sorted(keys.items())) + "]"
    return f"[{text}]" if kind == "i" else f"[={text}]"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def key_step(keys: dict[str, Any]) -> str:
    """Return the step to an item of a map list."""
    return f"k:{orjson.dumps(keys, option=orjson.OPT_SORT_KEYS).decode()}"


def value_step(value: Any) -> str:
    """Return the step to an item of a set."""
    return f"v:{_json(value)}"
