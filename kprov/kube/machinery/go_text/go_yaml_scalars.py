"""Unquoted YAML scalars as Go resolves them: null, a bool, a number or text.

Source: go.yaml.in/yaml/v2 (resolve.go).
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

from kprov.kube.machinery.integers import parse_clamped

_INT64: Final = 2**63
_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER: Final = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_BASES: Final = {"0x": 16, "0b": 2, "0o": 8}


def parse_scalar(word: str) -> Any:
    """Return the value of an unquoted scalar: None, a bool, an int, a float, or the text itself."""
    if word in _WORDS:
        return _WORDS[word]
    if word[0] not in "+-.0123456789":
        return word
    plain = word if word[0] == "." else word.replace("_", "")
    match = _INTEGER.fullmatch(plain)
    if match is not None:
        number = _integer(match[2]) * (-1 if match[1] == "-" else 1)
        # Without a sign it may be an unsigned integer of 64 bits.
        if -_INT64 <= number < (_INT64 if match[1] else 2 * _INT64):
            return number
    if _FLOAT.fullmatch(plain):
        decimal = float(plain)
        if math.isfinite(decimal):
            return decimal
    return word


def _integer(digits: str) -> int:
    base = _BASES.get(digits[:2].lower())
    if base is not None:
        return int(digits[2:], base)
    return int(digits, 8) if digits.startswith("0") else parse_clamped(digits)
