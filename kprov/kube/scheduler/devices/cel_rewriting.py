"""Rewrites CEL that the library does not parse: cel.bind, optional fields, and maps with a default.

=====================================  ==================================================
``cel.bind(x, VALUE, BODY)``           ``[VALUE].map(x, BODY)[0]``
``a.?b`` and ``a[?KEY]``               ``a.optionalField("b")`` and ``a.optionalField(KEY)``
``device.attributes[DOMAIN]``          ``device.attributes.domain(DOMAIN)``, as for ``device.capacity``
=====================================  ==================================================
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

OPTIONAL_FIELD: Final = "optionalField"
DOMAIN: Final = "domain"
_STRING: Final = r"""[bB]?(?:[rR](?:\"{3}(?s:.*?)\"{3}|'{3}(?s:.*?)'{3}|"[^"\n]*"|'[^'\n]*')"""
_STRING_ESCAPED: Final = (
    r"""|\"{3}(?:\\.|(?s:.))*?\"{3}|'{3}(?:\\.|(?s:.))*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
)
_TOKEN: Final = re.compile(
    rf"(?P<space>\s+|//[^\n]*)|{_STRING}{_STRING_ESCAPED}"
    r"|0x[0-9a-fA-F]+u?|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?u?|[A-Za-z_]\w*|&&|\|\||[=!<>]=|\.\?|\[\?|."
)
_CLOSING: Final = {"(": ")", "[": "]", "[?": "]", "{": "}"}
_MAPS: Final = frozenset({"attributes", "capacity"})
_BIND_ARGUMENTS: Final = 3


def rewrite(expression: str) -> str:
    """The same expression for the library. Text that is not CEL is left to the library's parser."""
    tokens = [match.group() for match in _TOKEN.finditer(expression) if match["space"] is None]
    return " ".join(_rewrite(tokens))


def _rewrite(tokens: Sequence[str]) -> list[str]:
    result: list[str] = []
    at = 0
    while at < len(tokens):
        current = tokens[at]
        if current == ".?" and at + 1 < len(tokens):
            result += [".", OPTIONAL_FIELD, "(", f'"{tokens[at + 1]}"', ")"]
            at += 2
        elif current in _CLOSING:
            end = _find_end(tokens, at)
            result = _rewrite_group(result, current, tokens[at + 1 : end], is_closed=end < len(tokens))
            at = end + 1
        else:
            result.append(current)
            at += 1
    return result


def _rewrite_group(before: list[str], opening: str, content: Sequence[str], *, is_closed: bool) -> list[str]:
    """Append brackets and what is in them."""
    if not is_closed:
        return [*before, opening, *_rewrite(content)]
    if opening == "(" and before[-3:] == ["cel", ".", "bind"]:
        arguments = _split(content)
        if len(arguments) == _BIND_ARGUMENTS:
            name, value, body = arguments
            mapped = ["[", *_rewrite(value), "]", ".", "map", "(", *name, ",", *_rewrite(body), ")"]
            return [*before[:-3], *mapped, "[", "0", "]"]
    if opening == "[?":
        return [*before, ".", OPTIONAL_FIELD, "(", *_rewrite(content), ")"]
    if opening == "[" and before[-3:-1] == ["device", "."] and before[-1] in _MAPS:
        return [*before, ".", DOMAIN, "(", *_rewrite(content), ")"]
    return [*before, opening, *_rewrite(content), _CLOSING[opening]]


def _find_end(tokens: Sequence[str], start: int) -> int:
    """The index of the bracket that closes the one at ``start``; behind the last token if there is none."""
    depth = 0
    for at in range(start, len(tokens)):
        if tokens[at] in _CLOSING:
            depth += 1
        elif tokens[at] in _CLOSING.values():
            depth -= 1
            if not depth:
                return at
    return len(tokens)


def _split(tokens: Sequence[str]) -> list[Sequence[str]]:
    """Arguments between the commas that are in no inner brackets."""
    parts: list[Sequence[str]] = []
    start, depth = 0, 0
    for at, current in enumerate(tokens):
        depth += (current in _CLOSING) - (current in _CLOSING.values())
        if current == "," and not depth:
            parts.append(tokens[start:at])
            start = at + 1
    return [*parts, tokens[start:]]
