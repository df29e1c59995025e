"""Errors of CEL expressions, in the words of upstream's library (cel-go)."""

from __future__ import annotations

import re
from typing import Final

_STATUS: Final = re.compile(r"^[A-Z_]+: ")
_TRAILER: Final = re.compile(r" \[[A-Z_]+\]$")
_STRUCT: Final = re.compile(r" not found in struct '[^']*'")
#: The library's text of a runtime error, and cel-go's.
_RUNTIME: Final = (
    (re.compile(r'^Key not found in map : "?(.*?)"?$'), r"no such key: \1"),
    (re.compile(r"^divide by zero$"), "division by zero"),
    (re.compile(r"^modulus by zero$"), "modulus by zero"),
    (re.compile(r"^No matching overloads found.*"), "no such overload"),
    (re.compile(r"^Applying SELECT to non-message type$"), "no such overload"),
    (re.compile(r"^Index error: index=(-?\d+) size=\d+$"), r"index out of bounds: \1"),
    (re.compile(r"^Iteration budget exceeded$"), "operation cancelled: actual cost limit exceeded"),
)


class CompileError(ValueError):
    """An expression cannot be compiled. The text shows lines and columns."""


class EvaluationError(Exception):
    """An expression has no value."""


def describe_compile_error(text: str) -> str:
    """Return the issues as cel-go prints them."""
    return _STRUCT.sub("", _TRAILER.sub("", _STATUS.sub("", text)))


def describe_runtime_error(text: str) -> str:
    """Return the reason as cel-go prints it."""
    reason = _TRAILER.sub("", _STATUS.sub("", text))
    for pattern, replacement in _RUNTIME:
        if pattern.search(reason):
            return pattern.sub(replacement, reason)
    return reason
