"""Lists of completion indexes, such as 1,3-5.

Source: upstream pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

import re

from kprov.kube.machinery import status
from kprov.kube.machinery.integers import is_int64, parse_clamped


def count_indexes(text: str, completions: int) -> tuple[int, str]:
    """How many indexes a list such as "1,3-5" names, and why it is invalid ("" if it is valid)."""
    total, last = 0, -1
    for part in text.split(",") if text else ():
        limits = part.split("-")
        if len(limits) > 2:
            shown = status.quoted(part)
            return 0, (
                f"the fragment {shown} violates the requirement that an index interval can have at most two "
                "parts separated by '-'"
            )
        numbers: list[int] = []
        for limit in limits:
            if not re.fullmatch("[-+]?[0-9]+", limit, re.ASCII) or not is_int64(limit):
                return 0, f"cannot convert string to integer for index: {status.quoted(limit)}"
            if parse_clamped(limit) >= completions:
                return 0, f"too large index: {status.quoted(limit)}"
            numbers.append(parse_clamped(limit))
        if len(numbers) == 2 and numbers[0] >= numbers[1]:
            return 0, f"non-increasing order, previous: {numbers[0]}, current: {numbers[1]}"
        if last >= numbers[0]:
            return 0, f"non-increasing order, previous: {last}, current: {numbers[0]}"
        total += numbers[-1] - numbers[0] + 1
        last = numbers[-1]
    return total, ""
