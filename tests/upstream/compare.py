"""What differs between two normalised answers to one step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

ABSENT: Final = "(absent)"
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """`key` is the place in the answer, such as `status` or `body.spec.replicas`."""

    case: str
    step: str
    key: str
    upstream: Any
    kprov: Any

    def __str__(self) -> str:
        return (
            f"{self.case} [{self.step}] {self.key}:\n"
            f"    upstream {_shorten(self.upstream)}\n    kprov    {_shorten(self.kprov)}"
        )


def compare_answers(
    case: str, step: str, upstream: dict[str, Any], kprov: dict[str, Any], only: tuple[str, ...] = ()
) -> list[Difference]:
    """All differences, or those below the keys `only`."""
    return [
        Difference(case, step, key, theirs, ours)
        for key, theirs, ours in _differences("", upstream, kprov)
        if not only or key.startswith(only)
    ]


def _differences(place: str, theirs: Any, ours: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(theirs, dict) and isinstance(ours, dict) and _is_same_kind(theirs, ours):
        for key in sorted(theirs.keys() | ours.keys()):
            inner = f"{place}.{key}".lstrip(".")
            yield from _differences(inner, theirs.get(key, ABSENT), ours.get(key, ABSENT))
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (their, our) in enumerate(zip(theirs, ours, strict=True)):
            yield from _differences(f"{place}.{index}".lstrip("."), their, our)
    elif theirs != ours or type(theirs) is not type(ours):
        yield place, theirs, ours


def _is_same_kind(theirs: dict[str, Any], ours: dict[str, Any]) -> bool:
    """A Status beside an object is one difference."""
    kinds = theirs.get("kind"), ours.get("kind")
    return "Status" not in kinds or kinds[0] == kinds[1]


def _shorten(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) < _LONGEST else shown[: _LONGEST - 3] + "..."
