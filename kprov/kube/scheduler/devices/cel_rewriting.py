"""Rewrites CEL for the maps of a device, in which a domain without values is empty.

`device.attributes[DOMAIN]` becomes `device.attributes[?DOMAIN].orValue(dyn({}))`, and so does
`device.capacity[DOMAIN]`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_STRING: Final = r"""[bB]?(?:[rR](?:\"{3}(?s:.*?)\"{3}|'{3}(?s:.*?)'{3}|"[^"\n]*"|'[^'\n]*')"""
_STRING_ESCAPED: Final = (
    r"""|\"{3}(?:\\.|(?s:.))*?\"{3}|'{3}(?:\\.|(?s:.))*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
)
#: A string, a comment, the beginning of a rewritten index, or any other character.
_TOKEN: Final = re.compile(
    rf"{_STRING}{_STRING_ESCAPED}|//[^\n]*"
    r"|(?P<opening>(?<![\w.])device\s*\.\s*(?:attributes|capacity)\s*\[(?!\?))|\s+|\w+|."
)
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


def rewrite(expression: str) -> str:
    """Return the expression with defaults for missing attributes. All other text stays."""
    tokens = list(_TOKEN.finditer(expression))
    openings = [index for index, match in enumerate(tokens) if match["opening"] is not None]
    words = [match.group() for match in tokens]
    for opening in openings:
        end = _find_end(words, opening)
        if end < len(words):
            words[opening] += "?"
            words[end] = f"{words[end]}.orValue(dyn({{}}))"
    return "".join(words)


def _find_end(words: Sequence[str], start: int) -> int:
    """Return the index of the bracket that closes the one at `start`, or the end of the words."""
    depth = 1
    for at in range(start + 1, len(words)):
        # A bracket that is rewritten has more text around it.
        first, last = words[at][:1], words[at][-1:]
        if words[at] in _CLOSING or (last in "[?" and words[at].startswith("device")):
            depth += 1
        elif first in _CLOSING.values():
            depth -= 1
            if not depth:
                return at
    return len(words)
