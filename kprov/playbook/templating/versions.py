"""Versions as Ansible's version test and version_sort order them: loose, strict, semver, pep440."""

from __future__ import annotations

import functools
import re
from typing import Any


@functools.total_ordering
class LooseVersion:
    """A version of numbers and words, compared one by one; a number and a word cannot be compared."""

    def __init__(self, text: str) -> None:
        parts = [part for part in re.split(r"(\d+|[a-z]+|\.)", text) if part and part != "."]
        self.parts: list[Any] = [int(part) if part.isdigit() else part for part in parts]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LooseVersion) and self.parts == other.parts

    def __lt__(self, other: LooseVersion) -> bool:
        return self.parts < other.parts

    __hash__ = None  # type: ignore[assignment]


def parse_loose(text: str) -> LooseVersion:
    return LooseVersion(text)


_STRICT = re.compile(r"(\d+)\.(\d+)(\.(\d+))?([ab](\d+))?", re.ASCII)


def parse_strict(text: str) -> Any:
    """Parse `1.2`, `1.2.3` or `1.2a1`; pre-releases sort first."""
    match = _STRICT.fullmatch(text)
    if not match:
        raise ValueError(f"invalid version number '{text}'")
    last = (match[5][0], int(match[6])) if match[5] else ("z", 0)
    return (int(match[1]), int(match[2]), int(match[4] or 0), last)


_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)


def parse_semver(text: str) -> Any:
    """Parse a version by https://semver.org; build metadata does not count."""
    match = _SEMVER.fullmatch(text)
    if not match:
        raise ValueError(f"invalid semantic version '{text}'")
    pre = match[4]
    order: tuple[Any, ...] = (1,)
    if pre is not None:
        order = (0, *((0, int(part), "") if part.isdigit() else (1, 0, part) for part in pre.split(".")))
    return (int(match[1]), int(match[2]), int(match[3]), order)


def parse_pep440(text: str) -> Any:
    from packaging.version import Version

    return Version(text)


TYPES: dict[str, Any] = {
    "loose": parse_loose,
    "strict": parse_strict,
    "semver": parse_semver,
    "semantic": parse_semver,
    "pep440": parse_pep440,
}
