"""Integers in texts, read as Go's strconv reads them."""

from __future__ import annotations


def is_int64(digits: str) -> bool:
    """Whether an integer fits in 64 bits. It may have more digits than Python parses."""
    short = digits.lstrip("+-0")
    return len(short) < 20 and -(2**63) <= int(digits if len(digits) < 100 else short or "0") < 2**63
