# The filters must choose the same values for the same seed.
# ruff: noqa: S311
"""Filters for numbers, sizes and random choices."""

from __future__ import annotations

import math
import random as chance
import re
from collections.abc import Callable, Mapping
from typing import Any

from kprov.playbook.templating.values import FilterError

#: Characters of a size that is a text.
_MAX_SIZE = 1000
_UNITS = {
    "Y": 1 << 80,
    "Z": 1 << 70,
    "E": 1 << 60,
    "P": 1 << 50,
    "T": 1 << 40,
    "G": 1 << 30,
    "M": 1 << 20,
    "K": 1 << 10,
    "B": 1,
}

_PREFIXES = {
    "Y": "yotta",
    "Z": "zeta",
    "E": "exa",
    "P": "peta",
    "T": "tera",
    "G": "giga",
    "M": "mega",
    "K": "kilo",
    "B": "",
}


def log(value: Any, base: float = math.e) -> float:
    try:
        return math.log10(value) if base == 10 else math.log(value, base)
    except TypeError:
        raise FilterError("log() can only be used on numbers") from None


def power(value: Any, exponent: Any) -> float:
    try:
        return math.pow(value, exponent)
    except TypeError:
        raise FilterError("pow() can only be used on numbers") from None


def root(value: Any, base: Any = 2) -> float:
    try:
        return math.sqrt(value) if base == 2 else math.pow(value, 1.0 / float(base))
    except (ValueError, TypeError):
        raise FilterError("root() can only be used on numbers") from None


def human_readable(size: Any, isbits: bool = False, unit: str | None = None) -> str:
    """Format a size, such as 1048576 as '1.00 MB' (or bits as 'Mb'), in the largest unit or a given one."""
    name = "bits" if isbits else "Bytes"
    try:
        number = float(size)
    except (TypeError, ValueError):
        raise FilterError("human_readable() can't interpret the input") from None
    letter, limit = "", 1
    for letter, limit in _UNITS.items():
        if (unit is None and number >= limit) or (unit is not None and unit.upper() == letter[0]):
            break
    else:
        letter, limit = "B", 1
    unit_name = name if letter == "B" else f"{letter}{name[0]}"
    return f"{number / limit:.2f} {unit_name}"


def human_to_bytes(size: Any, default_unit: str | None = None, isbits: bool = False) -> int:
    """Parse a size such as '10MB' or '1.5K' to bytes (with `isbits` 'Mb' to bits)."""
    match = re.match(r"^\s*([0-9]*\.[0-9]+|[0-9]+)\s*([A-Za-z]+)?\s*$", str(size)[: _MAX_SIZE + 1])
    if not match or len(str(size)) > _MAX_SIZE:
        raise FilterError(f"human_to_bytes() can't interpret following string: {size}")
    unit = match[2] or default_unit
    if unit is None:
        return round(float(match[1]))
    letter = unit[0].upper()
    if letter not in _UNITS:
        raise FilterError(
            f"human_to_bytes() failed to convert {size} (unit = {unit}). "
            f"The suffix must be one of {', '.join(_UNITS)}"
        )
    name, short = ("bit", "b") if isbits else ("byte", "B")
    spelled, exact = _PREFIXES[letter] + name, short if letter == "B" else letter + short
    if len(unit) > 1 and unit.lower() != spelled and unit != exact:
        raise FilterError(
            f"human_to_bytes() failed to convert {size}. "
            f"Value is not a valid string (expect {exact} or {spelled})"
        )
    return round(float(match[1]) * _UNITS[letter])


def random(end: Any, start: int | None = None, step: int | None = None, seed: Any = None) -> Any:
    """Return a random number below `end`, or a random entry; the same for the same seed."""
    source = chance.SystemRandom() if seed is None else chance.Random(seed)
    if isinstance(end, int):
        return source.randrange(start or 0, end, step or 1)
    if not hasattr(end, "__iter__"):
        raise FilterError("random can only be used on sequences and integers")
    if start or step:
        raise FilterError("start and step can only be used with integer values")
    if isinstance(end, Mapping):
        raise FilterError("random can only be used on sequences and integers, not on a mapping")
    return source.choice(end if isinstance(end, (str, list, tuple, range)) else list(end))


def shuffle(value: Any, seed: Any = None) -> Any:
    """Shuffle a list; the same order for the same seed."""
    try:
        mixed = list(value)
    except TypeError:
        return value
    (chance.Random(seed) if seed else chance.SystemRandom()).shuffle(mixed)
    return mixed


FILTERS: dict[str, Callable[..., Any]] = {
    "log": log,
    "pow": power,
    "root": root,
    "human_readable": human_readable,
    "human_to_bytes": human_to_bytes,
    "random": random,
    "shuffle": shuffle,
}
