"""Paths of fields in the texts of a definition: selectable fields, and the fields that rules name.

Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go (ValidFieldPath).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from kprov.kube.machinery.schema.custom.structural import Structural

_PART: Final = re.compile(r"'(?:[^'\\]|\\.)*'|[.\[\]]|[^.\[\]]+")
_ESCAPE: Final = re.compile(r"\\(.)")
_END: Final = "unexpected end of JSON path"


class FieldPathError(ValueError):
    """The path is malformed, or names no field of the schema."""


def find_field(text: str, schema: Structural, *, allow_brackets: bool = True) -> tuple[str, Structural]:
    """Return the normalized path and the schema of a field. Raise FieldPathError.

    text: .spec.host or .spec['the.name']. allow_brackets: whether the second form is allowed.
    """
    path, current = "", schema
    for name in _split(text, allow_brackets=allow_brackets):
        child: Structural | None
        if current.properties:
            step, child = f".{name}", current.properties.get(name)
        else:
            step = f"[{name}]"
            child = current.additional if isinstance(current.additional, Structural) else None
        if child is None:
            raise FieldPathError("does not refer to a valid field")
        path, current = path + step, child
    return path.removeprefix("."), current


def _split(text: str, *, allow_brackets: bool) -> Iterator[str]:
    """Yield the names of the fields on a path."""
    parts = iter(_PART.findall(text))
    for part in parts:
        if part == "." or (part == "[" and allow_brackets):
            name = next(parts, None)
            if name is None:
                raise FieldPathError(_END)
            yield name if part == "." else _unquote(name, next(parts, None))
        elif part == "[":
            raise FieldPathError("array notation is not allowed")
        else:
            raise FieldPathError(f"expected [ or . but got: {part}")


def _unquote(text: str, closing: str | None) -> str:
    if len(text) < 2 or text[0] != "'" or text[-1] != "'":
        raise FieldPathError(f"expected single quoted string but got {text}")
    if closing != "]":
        raise FieldPathError(_END if closing is None else f"expected ] but got {closing}")
    return _ESCAPE.sub(r"\1", text[1:-1])
