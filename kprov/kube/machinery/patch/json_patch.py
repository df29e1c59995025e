"""JSON patch (RFC 6902) with the extensions of the library that upstream uses.

Array indices may be negative (from the end) and have leading zeros. A missing value counts as null, and so
does a missing field except for remove and move. Numbers are equal if their texts are.
Source: gopkg.in/evanphx/json-patch.v4, patch.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import orjson

_INDEX: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


class JsonPatchError(ValueError):
    """An operation that cannot be applied to the document."""


def apply(document: Any, operations: list[dict[str, Any]]) -> Any:
    """Apply all operations to the document, which is changed. Return the result. Raises JsonPatchError."""
    for operation in operations:
        work = _OPERATIONS.get(operation.get("op") or "")
        path = operation.get("path")
        if work is None or path is None:
            raise JsonPatchError(f"unexpected operation: {operation.get('op')}")
        document = work(document, operation, path)
    return document


def _add(document: Any, operation: dict[str, Any], path: str) -> Any:
    holder, name = _find_holder(document, path)
    _put(holder, name, operation.get("value"))
    return document


def _put(holder: Any, name: str, value: Any) -> None:
    if isinstance(holder, dict):
        holder[name] = value
    elif name == "-":
        holder.append(value)
    else:
        holder.insert(_parse_index(name, len(holder) + 1), value)


def _remove(document: Any, _: dict[str, Any], path: str) -> Any:
    holder, name = _find_holder(document, path)
    if isinstance(holder, dict) and name not in holder:
        raise JsonPatchError(f"missing key: {name}")
    del holder[name if isinstance(holder, dict) else _parse_index(name, len(holder))]
    return document


def _replace(document: Any, operation: dict[str, Any], path: str) -> Any:
    value = operation.get("value")
    if not path:
        return value
    holder, name = _find_holder(document, path)
    _get(holder, name)
    holder[name if isinstance(holder, dict) else _parse_index(name, len(holder))] = value
    return document


def _move(document: Any, operation: dict[str, Any], path: str) -> Any:
    source = _read_source(operation)
    value = _get(*_find_holder(document, source))
    document = _remove(document, operation, source)
    return _add(document, {"value": value}, path)


def _copy(document: Any, operation: dict[str, Any], path: str) -> Any:
    value = _get(*_find_holder(document, _read_source(operation)))
    return _add(document, {"value": orjson.loads(orjson.dumps(value))}, path)


def _test(document: Any, operation: dict[str, Any], path: str) -> Any:
    held = _get(*_find_holder(document, path))
    if _encode(held) != _encode(operation.get("value")):
        raise JsonPatchError(f"testing value {path} failed")
    return document


def _encode(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _read_source(operation: dict[str, Any]) -> str:
    source = operation.get("from")
    if source is None:
        raise JsonPatchError("unable to decode from")
    return str(source)


def _find_holder(document: Any, path: str) -> tuple[Any, str]:
    """The object or list that contains the target of a path, and the last step."""
    first, *steps = path.split("/")
    if not steps:
        raise JsonPatchError(f"missing path: {path}")
    del first  # text before the first slash is ignored
    *steps, last = [step.replace("~1", "/").replace("~0", "~") for step in steps]
    for step in steps:
        document = _get(document, step)
    if not isinstance(document, dict | list):
        raise JsonPatchError(f"missing path: {path}")
    return document, last


def _get(holder: Any, name: str) -> Any:
    if isinstance(holder, dict):
        return holder.get(name)
    if isinstance(holder, list):
        return holder[_parse_index(name, len(holder))]
    raise JsonPatchError(f"missing path: {name}")


def _parse_index(text: str, size: int) -> int:
    """An index below `size`. Negative ones count from the end. Raises JsonPatchError."""
    if not _INDEX.fullmatch(text):
        raise JsonPatchError(f"no index: {text}")
    found = int(text)
    if not -size <= found < size:
        raise JsonPatchError(f"index out of bounds: {found}")
    return found % size


_OPERATIONS: Final[dict[str, Callable[[Any, dict[str, Any], str], Any]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
