"""Integers in texts, read as Go's strconv reads them.

Python's int() raises ValueError for more than 4,300 digits, since its time grows with the square.
"""

from __future__ import annotations

from typing import Final

#: Integers of 64 bits have at most so many digits.
_MAX_DIGITS: Final = 20
_BEYOND: Final = 1 << 65


def is_int64(digits: str) -> bool:
    """Whether an integer fits in 64 bits. It may have any number of digits."""
    return -(2**63) <= parse_clamped(digits) < 2**63


def parse_clamped(digits: str) -> int:
    """Return the integer of decimal digits with an optional sign; 2^65 or -2^65 with more than 20 digits."""
    short = digits.lstrip("+-0")
    if len(short) > _MAX_DIGITS:
        return -_BEYOND if digits.startswith("-") else _BEYOND
    number = int(short or "0")
    return -number if digits.startswith("-") else number
