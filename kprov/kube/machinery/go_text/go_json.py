"""JSON as Go reads and writes it, with Go's error messages for invalid documents.

Source: sigs.k8s.io/json/internal/golang/encoding/json/scanner.go. orjson decodes valid documents. The scanner
here reads only what orjson rejects.
"""

from __future__ import annotations

import json
import math
import re
import sys
from typing import Any, Final

import orjson

#: Limit of nesting. orjson writes 254 levels, and objects are written within other documents: lists, watch
#: events, audit events. Upstream's limit is 10,000.
MAX_DEPTH: Final = 200
_WRAPPED: Final = 254 - MAX_DEPTH
#: The nesting that orjson reads, which is more than it writes.
_READ_DEPTH: Final = 1024
_END: Final = "unexpected end of JSON input"
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_PLAIN: Final = re.compile(rb'[^"\\\x00-\x1f]*')
_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERALS: Final = {b"t": b"true", b"f": b"false", b"n": b"null"}
#: Integers with more digits do not fit 64 bits.
_SHORT_DIGITS: Final = 20
#: Go writes whole floats below this without an exponent.
_PLAIN_FLOATS: Final = 1e21
#: Characters that Go escapes because JSON may stand in HTML, and the line separators of JavaScript.
_ESCAPED: Final = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))
_SEPARATOR: Final = b"\xe2\x80"
_SEPARATORS: Final = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))
_HALF: Final = re.compile("[\ud800-\udfff]")


class JsonError(ValueError):
    """Invalid JSON. The message is Go's."""


def type_name(value: Any) -> str:
    """Return the name of a JSON value's type in Go's messages."""
    kinds: dict[type, str] = {list: "array", str: "string", bool: "bool", dict: "object"}
    return kinds.get(type(value), "number")


def format_value(value: Any) -> str:
    """Return a document as Go's %v shows it: map[a:1 b:[x y]]."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{name}:{format_value(value[name])}" for name in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(format_value, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "<nil>" if value is None else str(value)


def normalize_number(number: float) -> int | float:
    """Return a number as Go writes it in JSON: a whole one as an integer, of any size up to 21 digits."""
    return int(number) if number.is_integer() and abs(number) < _PLAIN_FLOATS else number


def round_trip_number(number: float) -> int | float:
    """Return a number after Go wrote and read it as JSON: a whole number of 64 bits is an integer."""
    whole = normalize_number(number)
    return whole if -(2**63) <= whole < 2**63 else number


def dumps(document: Any, option: int | None = None) -> bytes:
    """Encode a document with the escapes that Go uses. option: for orjson."""
    data = orjson.dumps(document, option=option)
    # These characters occur only within strings.
    for character, escaped in _ESCAPED:
        if character in data:
            data = data.replace(character, escaped)
    if _SEPARATOR in data:
        for character, escaped in _SEPARATORS:
            data = data.replace(character, escaped)
    return data


def loads(data: bytes) -> Any:
    """Decode a document. Invalid UTF-8 and unpaired surrogates become U+FFFD, as in Go.

    Raises JsonError.
    """
    try:
        return reject_deep(orjson.loads(data), data)
    except orjson.JSONDecodeError:
        text = find_error(data)
        if text:
            raise JsonError(text) from None
    try:
        document = json.loads(data.decode("utf-8", "replace"), parse_int=_number, parse_float=_number)
        return reject_deep(orjson.loads(_HALF.sub("�", json.dumps(document, ensure_ascii=False))), data)
    except JsonError:
        raise
    except (ValueError, RecursionError) as failure:
        raise JsonError(str(failure)) from None


def reject_deep(document: Any, data: bytes = b"") -> Any:
    """Return the document. data: the text it was decoded from, if known.

    Raises JsonError for a document that is nested too deeply to be written again.
    """
    if data and data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return document
    wrapped = document
    for _ in range(_WRAPPED):
        wrapped = [wrapped]
    try:
        orjson.dumps(wrapped)
    except orjson.JSONEncodeError:
        raise JsonError("exceeded max depth") from None
    return document


def _number(text: str) -> int | float:
    """Decode a number of any size. Go checks the size only when it stores the number in a field."""
    number = float(text)
    if math.isinf(number):
        return math.copysign(sys.float_info.max, number)
    return int(text) if len(text) <= _SHORT_DIGITS and text.lstrip("-").isdigit() else number


def find_error(data: bytes) -> str:
    """Go's error message for a document, "" if it is valid."""
    try:
        end = _Scanner(data).document()
    except JsonError as refusal:
        return str(refusal)
    return "" if end == len(data) else _describe_unexpected(data, end, "after top-level value")


def _describe_unexpected(data: bytes, at: int, where: str) -> str:
    if at >= len(data):
        return _END
    character = chr(data[at])
    shown = {"'": r"\'", '"': '"'}.get(character)
    if shown is None:
        shown = character if character.isprintable() else json.dumps(character)[1:-1]
        if shown.startswith("\\u00"):
            shown = "\\x" + shown[4:]
    return f"invalid character '{shown}' {where}"


class _Scanner:
    """Walks through a document up to the first syntax error."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def document(self) -> int:
        """Return the position after the document and white space. Raises JsonError."""
        at = self._value(self._after_space(0))
        return self._after_space(at)

    def _value(self, at: int) -> int:
        """Return the position after one value.

        Not recursive, since documents may be deeper than the stack.
        """
        data, opened = self._data, list[bytes]()
        while True:
            start = data[at : at + 1]
            if start in {b"{", b"["}:
                if len(opened) >= _READ_DEPTH:
                    raise JsonError("exceeded max depth")
                closing = b"}" if start == b"{" else b"]"
                at = self._after_space(at + 1)
                if data[at : at + 1] != closing:
                    opened.append(closing)
                    if start == b"{":
                        at = self._key(at)
                    continue
                at += 1
            else:
                at = self._scalar(at)
            at = self._after_value(at, opened)
            if not opened:
                return at

    def _after_value(self, at: int, opened: list[bytes]) -> int:
        """Return the position of the next value, after closing brackets, which are removed from `opened`."""
        data = self._data
        while opened:
            at = self._after_space(at)
            following = data[at : at + 1]
            if following == opened[-1]:
                opened.pop()
                at += 1
                continue
            if following != b",":
                within = "object key:value pair" if opened[-1] == b"}" else "array element"
                raise JsonError(_describe_unexpected(data, at, f"after {within}"))
            at = self._after_space(at + 1)
            return self._key(at) if opened[-1] == b"}" else at
        return at

    def _key(self, at: int) -> int:
        """Return the position after a key and its colon."""
        if self._data[at : at + 1] != b'"':
            raise JsonError(
                _describe_unexpected(self._data, at, "looking for beginning of object key string")
            )
        at = self._after_space(self._string(at))
        if self._data[at : at + 1] != b":":
            raise JsonError(_describe_unexpected(self._data, at, "after object key"))
        return self._after_space(at + 1)

    def _scalar(self, at: int) -> int:
        data = self._data
        start = data[at : at + 1]
        if start == b'"':
            return self._string(at)
        if start in _LITERALS:
            word = _LITERALS[start]
            for index in range(1, len(word)):
                if data[at + index : at + index + 1] != word[index : index + 1]:
                    where = f"in literal {word.decode()} (expecting '{chr(word[index])}')"
                    raise JsonError(_describe_unexpected(data, at + index, where))
            return at + len(word)
        if start == b"-" or start.isdigit():
            return self._number(at)
        raise JsonError(_describe_unexpected(data, at, "looking for beginning of value"))

    def _number(self, at: int) -> int:
        data = self._data
        match = _NUMBER.match(data, at)
        if match is None:
            raise JsonError(_describe_unexpected(data, at + 1, "in numeric literal"))
        end = match.end()
        following = data[end : end + 1]
        if following == b"." and b"." not in match[0] and b"e" not in match[0].lower():
            raise JsonError(_describe_unexpected(data, end + 1, "after decimal point in numeric literal"))
        if following in {b"e", b"E"} and b"e" not in match[0].lower():
            signed = data[end + 1 : end + 2] in {b"+", b"-"}
            raise JsonError(_describe_unexpected(data, end + 1 + signed, "in exponent of numeric literal"))
        return end

    def _string(self, at: int) -> int:
        data = self._data
        at += 1
        while True:
            match = _PLAIN.match(data, at)
            at = at if match is None else match.end()
            start = data[at : at + 1]
            if start == b'"':
                return at + 1
            if start != b"\\":
                raise JsonError(_describe_unexpected(data, at, "in string literal"))
            escape = data[at + 1 : at + 2]
            if escape == b"u":
                for place in range(at + 2, at + 6):
                    if data[place : place + 1] not in _HEXADECIMAL:
                        raise JsonError(
                            _describe_unexpected(data, place, "in \\u hexadecimal character escape")
                        )
                at += 6
            elif escape and escape in b'"\\/bfnrt':
                at += 2
            else:
                raise JsonError(_describe_unexpected(data, at + 1, "in string escape code"))

    def _after_space(self, at: int) -> int:
        match = _SPACE.match(self._data, at)
        return at if match is None else match.end()


_HEXADECIMAL: Final = frozenset(bytes([digit]) for digit in b"0123456789abcdefABCDEF")
