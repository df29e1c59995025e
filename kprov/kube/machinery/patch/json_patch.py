"""JSON patch (RFC 6902) with the extensions of the library that upstream uses.

Array indices may be negative (from the end) and have leading zeros. A missing value counts as null, and so
does a missing field except for remove and move. Numbers are equal if their texts are.
Source: gopkg.in/evanphx/json-patch.v4, patch.go.

The size of all copies is bounded as upstream. The moved elements of lists are bounded too: an insertion or a
removal moves all elements behind it, so that a small patch could keep the server busy for seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import orjson

#: Limit of the encoded size of all copied values (JSONPatchMaxCopyBytes).
_MAX_COPY_BYTES: Final = 3 << 20
#: Limit of moved elements: about 20 ms.
_MAX_MOVED_ELEMENTS: Final = 16_000_000
_INDEX: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


class JsonPatchError(ValueError):
    """An operation that cannot be applied to the document."""


def apply(document: Any, operations: list[dict[str, Any]]) -> Any:
    """Apply all operations to the document, which is changed. Return the result. Raises JsonPatchError."""
    budget = Budget()
    for operation in operations:
        work = _OPERATIONS.get(operation.get("op") or "")
        path = operation.get("path")
        if work is None or path is None:
            raise JsonPatchError(f"unexpected operation: {operation.get('op')}")
        document = work(document, operation, path, budget)
    return document


class Budget:
    """Limits the work of one patch."""

    __slots__ = ("copied_bytes", "moved_elements")

    def __init__(self) -> None:
        self.copied_bytes = 0
        self.moved_elements = 0

    def charge_copy(self, size: int) -> None:
        """Raise JsonPatchError."""
        self.copied_bytes += size
        if self.copied_bytes > _MAX_COPY_BYTES:
            raise JsonPatchError(
                "Unable to complete the copy, the accumulated size increase of copy is "
                f"{self.copied_bytes}, exceeding the limit {_MAX_COPY_BYTES}"
            )

    def charge_moves(self, count: int) -> None:
        """count: the elements behind the one that is inserted or removed. Raises JsonPatchError."""
        self.moved_elements += count
        if self.moved_elements > _MAX_MOVED_ELEMENTS:
            raise JsonPatchError(f"the operations move more than {_MAX_MOVED_ELEMENTS} elements of lists")


def _add(document: Any, operation: dict[str, Any], path: str, budget: Budget) -> Any:
    holder, name = _find_holder(document, path)
    value = operation.get("value")
    if isinstance(holder, dict):
        holder[name] = value
    elif name == "-":
        holder.append(value)
    else:
        index = _parse_index(name, len(holder) + 1)
        budget.charge_moves(len(holder) - index)
        holder.insert(index, value)
    return document


def _remove(document: Any, _: dict[str, Any], path: str, budget: Budget) -> Any:
    holder, name = _find_holder(document, path)
    if isinstance(holder, dict):
        if name not in holder:
            raise JsonPatchError(f"missing key: {name}")
        del holder[name]
    else:
        index = _parse_index(name, len(holder))
        budget.charge_moves(len(holder) - index)
        del holder[index]
    return document


def _replace(document: Any, operation: dict[str, Any], path: str, _: Budget) -> Any:
    value = operation.get("value")
    if not path:
        return value
    holder, name = _find_holder(document, path)
    _get(holder, name)
    holder[name if isinstance(holder, dict) else _parse_index(name, len(holder))] = value
    return document


def _move(document: Any, operation: dict[str, Any], path: str, budget: Budget) -> Any:
    source = _read_source(operation)
    value = _get(*_find_holder(document, source))
    document = _remove(document, operation, source, budget)
    return _add(document, {"value": value}, path, budget)


def _copy(document: Any, operation: dict[str, Any], path: str, budget: Budget) -> Any:
    encoded = _encode(_get(*_find_holder(document, _read_source(operation))))
    budget.charge_copy(len(encoded))
    return _add(document, {"value": orjson.loads(encoded)}, path, budget)


def _test(document: Any, operation: dict[str, Any], path: str, _: Budget) -> Any:
    held = _get(*_find_holder(document, path))
    if _encode(held, orjson.OPT_SORT_KEYS) != _encode(operation.get("value"), orjson.OPT_SORT_KEYS):
        raise JsonPatchError(f"testing value {path} failed")
    return document


def _encode(value: Any, option: int | None = None) -> bytes:
    try:
        return orjson.dumps(value, option=option)
    except orjson.JSONEncodeError:
        # Moves can nest a value deeper than any document may be.
        raise JsonPatchError("exceeded max depth") from None


def _read_source(operation: dict[str, Any]) -> str:
    source = operation.get("from")
    if source is None:
        raise JsonPatchError("unable to decode from")
    return str(source)


def _find_holder(document: Any, path: str) -> tuple[Any, str]:
    """Return the object or list that contains the target of a path, and the last step."""
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
    """Return an index below `size`. Negative ones count from the end. Raises JsonPatchError."""
    if not _INDEX.fullmatch(text):
        raise JsonPatchError(f"no index: {text}")
    index = int(text)
    if not -size <= index < size:
        raise JsonPatchError(f"index out of bounds: {index}")
    return index % size


_OPERATIONS: Final[dict[str, Callable[[Any, dict[str, Any], str, Budget], Any]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
