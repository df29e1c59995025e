"""An upper bound of the steps that Python's `re` takes to match a regular expression, from its parse tree.

`re` backtracks: `(a+)+$` takes twice as long for each further letter. What surely ends soon runs where it is
asked for; for all else `bounded_regex` has processes with a time limit.
"""

from __future__ import annotations

import functools
import math
import re._constants as sre  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from typing import Any

#: A longer pattern may come from a host; reading it takes time too.
MAX_PATTERN = 1000
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
_LOOKS = (sre.ASSERT, sre.ASSERT_NOT)


@functools.lru_cache(4096)
def _parse(pattern: str, flags: int) -> Any:
    return parser.parse(pattern, flags)


def find_cost(pattern: str, flags: int, length: int) -> float:
    """Return the most steps of a search in a text of `length` characters; `math.inf` where it has no bound.

    Raises re.error for a pattern that is not a regular expression.
    """
    if len(pattern) > MAX_PATTERN:
        return math.inf
    try:
        return (length + 1) * _find_sequence_cost(_parse(pattern, flags), length)
    except RecursionError:
        return math.inf


def _find_sequence_cost(sequence: Any, length: int) -> float:
    """Return in how many ways a sequence can match at one place: the product of those of its parts."""
    cost = 1.0
    for operation, argument in sequence:
        cost *= _find_operation_cost(operation, argument, length)
    return cost


def _find_operation_cost(operation: Any, argument: Any, length: int) -> float:
    if operation in _REPEATS:
        least, most, body = argument
        return _find_repeat_cost(least, most, body, length)
    if operation is sre.BRANCH:
        return math.fsum(_find_sequence_cost(branch, length) for branch in argument[1])
    if operation is sre.SUBPATTERN:
        return _find_sequence_cost(argument[-1], length)
    if operation in _LOOKS:
        return 1 + _find_sequence_cost(argument[1], length)
    if operation is sre.ATOMIC_GROUP:
        return _find_sequence_cost(argument, length)
    if operation is sre.GROUPREF_EXISTS:
        return math.fsum(1 if part is None else _find_sequence_cost(part, length) for part in argument[1:])
    # A back reference compares a text as long as the whole.
    return length + 1 if operation is sre.GROUPREF else 1


def _find_repeat_cost(least: int, most: int, body: Any, length: int) -> float:
    inner = _find_sequence_cost(body, length)
    if most <= 1:
        return 1 + inner
    if inner > 1:
        # Ways to match the body multiply with each repetition.
        return math.inf
    return (min(int(most), length) - min(least, length) + 1) * max(1, len(body))
