"""Semantic versions: `semver("1.2.3").isLessThan(semver("2.0.0"))`."""

from __future__ import annotations

import re
from typing import Any, Final

from kprov.kube.component_helpers.cel.functions.declaration import (
    BOOL,
    INT,
    STRING,
    Declaration,
    function,
    member,
)
from kprov.kube.component_helpers.cel.types import SEMVER, make

_NUMBER: Final = r"(?:0|[1-9]\d*)"
_SEMVER: Final = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)
_PARTS: Final = 3

_Order = tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]


def encode_version(text: str) -> Any:
    """Return a semantic version as CEL sees it. Raise ValueError."""
    if _SEMVER.fullmatch(text) is None:
        raise ValueError(f"No Major.Minor.Patch elements found: {text}")
    return make(SEMVER, text=text)


def _normalize(text: str) -> str:
    """Remove the leading v and leading zeros, and add missing numbers."""
    core, mark, rest = text.removeprefix("v"), "", ""
    cut = re.search("[-+]", core)
    if cut is not None:
        core, mark, rest = core[: cut.start()], cut.group(), core[cut.end() :]
    numbers = [part.lstrip("0") or "0" for part in core.split(".")]
    if len(numbers) < _PARTS:
        if mark:
            raise ValueError("short version cannot contain PreRelease/Build meta data")
        numbers += ["0"] * (_PARTS - len(numbers))
    return ".".join(numbers) + mark + rest


def _encode(text: str, *, normalizes: bool = False) -> Any:
    return encode_version(_normalize(text) if normalizes else text)


def _is_version(text: str, *, normalizes: bool = False) -> bool:
    try:
        _encode(text, normalizes=normalizes)
    except ValueError:
        return False
    return True


def _order(value: Any) -> _Order:
    """Return a sort key by Semantic Versioning: pre-releases before the release, numbers before words."""
    match = _SEMVER.fullmatch(value.text)
    if match is None:
        raise ValueError(f"No Major.Minor.Patch elements found: {value.text}")
    parts = match[4].split(".") if match[4] else []
    order = tuple(
        (not part.isdigit(), int(part) if part.isdigit() else 0, "" if part.isdigit() else part)
        for part in parts
    )
    return (int(match[1]), int(match[2]), int(match[3])), not parts, order


def _compare(left: Any, right: Any) -> int:
    mine, other = _order(left), _order(right)
    return (mine > other) - (mine < other)


_ONE: Final = (SEMVER,)
_TWO: Final = (SEMVER, SEMVER)
DECLARATIONS: Final[tuple[Declaration, ...]] = (
    function("semver", (STRING,), SEMVER, encode_version),
    function("semver", (STRING, BOOL), SEMVER, lambda text, flag: _encode(text, normalizes=flag)),
    function("isSemver", (STRING,), BOOL, _is_version),
    function("isSemver", (STRING, BOOL), BOOL, lambda text, flag: _is_version(text, normalizes=flag)),
    member("compareTo", _TWO, INT, _compare),
    member("isGreaterThan", _TWO, BOOL, lambda left, right: _compare(left, right) > 0),
    member("isLessThan", _TWO, BOOL, lambda left, right: _compare(left, right) < 0),
    member("major", _ONE, INT, lambda version: _order(version)[0][0]),
    member("minor", _ONE, INT, lambda version: _order(version)[0][1]),
    member("patch", _ONE, INT, lambda version: _order(version)[0][2]),
)
