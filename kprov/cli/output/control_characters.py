"""Control characters of texts, such as terminal escapes from hosts, are shown, never sent to a terminal."""

from __future__ import annotations

import re

#: C0 without tab and newline, DEL, C1, and the characters that turn the direction of a text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LINE_ENDS = re.compile("\r+\n")


def escape_controls(text: str) -> str:
    r"""Return a text with its control characters as `\x1b` or `\u009b`; JSON stays JSON."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(_escape_character, _LINE_ENDS.sub("\n", text))


def _escape_character(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x20 else f"\\u{code:04x}"
