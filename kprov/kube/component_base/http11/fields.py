"""Field lines of heads and trailers.

Source: RFC 9110, section 5; RFC 9112, section 5. Where the RFC lets a recipient repair a line, it is an error
here: a line ends in CRLF, goes on in no other line, and has no whitespace before its colon.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

from multidict import CIMultiDict, istr

#: A method, a field name, a parameter name (RFC 9110, 5.6.2).
TOKEN: Final = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: All controls but the horizontal tab.
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f]")

#: Clients send the same few names: each is checked and folded to lower case once.
_known_names: dict[str, istr] = {}
_MAX_KNOWN_NAMES: Final = 512
_MAX_KNOWN_LINES: Final = 64
_MAX_KNOWN_CHARACTERS: Final = 2048
#: How much of a line an error quotes.
_SHOWN_CHARACTERS: Final = 200


class FieldError(ValueError):
    """Not a field line."""

    def __init__(self, line: str, problem: str = "") -> None:
        text = line[:_SHOWN_CHARACTERS].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        super().__init__(
            f"malformed MIME header: {problem}: {json.dumps(text, ensure_ascii=False)}"
            if problem
            else f"malformed MIME header line: {text}"
        )


class FieldNameSpaceError(FieldError):
    """A field name with a space in it or behind it."""


#: Lines that a connection has parsed: clients send the same again and again.
KnownLines = dict[str, tuple[istr, str]]


def parse_fields(lines: Iterable[str], known_lines: KnownLines | None = None) -> CIMultiDict[str]:
    """lines: without their ends. FieldError. known_lines: of the same connection. New lines are added."""
    if known_lines is None:
        return CIMultiDict([_parse_field(line) for line in lines])
    pairs: list[tuple[istr, str]] = []
    for line in lines:
        pair = known_lines.get(line)
        if pair is None:
            pair = _parse_field(line)
            if len(known_lines) < _MAX_KNOWN_LINES and len(line) < _MAX_KNOWN_CHARACTERS:
                known_lines[line] = pair
        pairs.append(pair)
    return CIMultiDict(pairs)


def _parse_field(line: str) -> tuple[istr, str]:
    name, colon, value = line.partition(":")
    known = _known_names.get(name)
    if known is None or not colon:
        known = _check_name(line, name, colon)
    value = value.strip(" \t")
    if not value.isprintable() and _CONTROL.search(value):
        raise FieldError(line)
    return known, value


def _check_name(line: str, name: str, colon: str) -> istr:
    if not colon:
        raise FieldError(line, "missing colon")
    if not TOKEN.fullmatch(name):
        is_spaced = not name.startswith(" ") and TOKEN.fullmatch(name.replace(" ", ""))
        raise FieldNameSpaceError(line) if is_spaced else FieldError(line)
    checked = istr(name)
    if len(_known_names) < _MAX_KNOWN_NAMES:
        _known_names[name] = checked
    return checked
