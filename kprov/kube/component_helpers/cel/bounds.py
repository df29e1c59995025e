"""Bounds on the work of an evaluation, from the text of the expression and the sizes of its variables.

The library counts iterations (10,000 at most) and nothing else. Two things can take long in spite of that:
`map` and `filter` copy the list for each element, so that the time grows with the square, and a few functions
make strings of the product of two sizes. An expression that may exceed the bounds has no value, as upstream
when its cost limit is exceeded. The estimate takes the longest list and string of all variables, so it is too
high for some expressions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from kprov.kube.component_helpers.cel.errors import EvaluationError

LIMIT_TEXT: Final = "operation cancelled: actual cost limit exceeded"
#: The longest list that map and filter may copy: about 20 ms.
_MAX_COPIED_LIST: Final = 1_200
#: The longest string that an expression may make.
_MAX_STRING: Final = 8 << 20
_LITERAL: Final = r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\''
_REPLACEMENT: Final = re.compile(rf"\.replace\(\s*(?:{_LITERAL})\s*,\s*({_LITERAL})")
#: The largest exponent of the growth of bound variables, beyond any limit.
_MAX_BINDS: Final = 32


class Sizes(NamedTuple):
    """The longest list or map, and the longest string, of some values."""

    items: int
    characters: int


def measure(values: Mapping[str, Any]) -> Sizes:
    """Measure all values in a single walk."""
    items = characters = 0
    waiting: list[Any] = list(values.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            characters = max(characters, len(value))
        elif isinstance(value, list):
            items = max(items, len(value))
            waiting += value
        elif isinstance(value, Mapping):
            items = max(items, len(value))
            waiting += value.values()
    return Sizes(items, characters)


class Estimate:
    """What an expression may make of its variables."""

    def __init__(self, text: str, checked: bytes) -> None:
        """Read the functions of an expression. `checked`: the library's encoding of it after the check."""
        self._copies_lists = b"add_list" in checked
        self._joins = ".join(" in text
        self._splits = ".split(" in text
        replacements = [len(match[1]) for match in _REPLACEMENT.finditer(text)]
        #: The longest replacement, or 0 if one is not a literal.
        self._replacement = (
            max(replacements, default=0) if len(replacements) == text.count(".replace(") else 0
        )
        self._replaces = ".replace(" in text
        # A variable of cel.bind may double the one before it.
        binds = min(text.count("cel.bind"), _MAX_BINDS) + 1
        parts = checked.count(b"add_string") + (text.count(",") if ".format(" in text else 0)
        self._growth = (1 + parts / binds) ** binds
        self._literals = len(text)
        self._makes_strings = self._replaces or parts > 0
        self.needs_sizes = self._copies_lists or self._joins or self._makes_strings

    def check(self, sizes: Sizes) -> None:
        """Check the bounds. Raise EvaluationError."""
        items = sizes.items
        if self._splits:
            # A string may split into its characters.
            items = max(items, sizes.characters)
        if self._copies_lists and items > _MAX_COPIED_LIST:
            raise EvaluationError(LIMIT_TEXT)
        length = (sizes.characters + self._literals) * self._growth
        if self._replaces:
            length *= self._replacement or length
        if self._joins or (self._copies_lists and self._makes_strings):
            length *= max(items, 1)
        if length > _MAX_STRING:
            raise EvaluationError(LIMIT_TEXT)
