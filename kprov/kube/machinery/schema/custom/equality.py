"""Equality of JSON values as Go has it: true is not 1, and 1 is not 1.0."""

from __future__ import annotations

from typing import Any


def is_equal(value: Any, other: Any) -> bool:
    """Compare two JSON values."""
    pending = [(value, other)]
    while pending:
        left, right = pending.pop()
        if type(left) is not type(right):
            return False
        if type(left) is dict:
            if left.keys() != right.keys():
                return False
            pending += [(held, right[name]) for name, held in left.items()]
        elif type(left) is list:
            if len(left) != len(right):
                return False
            pending += zip(left, right, strict=True)
        elif left != right:
            return False
    return True
