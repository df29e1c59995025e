"""Places in an object, written only when something is wrong there."""

from __future__ import annotations

from typing import Any

#: (place of the holder, name or index); () is the root.
Place = tuple[Any, ...]


def format_dotted(place: Place) -> str:
    """Return a place as the validation of schemas writes it: spec.labels.app, spec.ports[0].foo."""
    return _join(place, brackets=False)


def format_path(place: Place) -> str:
    """Return a place as a field path: spec.ports[0].name. Keys of maps are a third element."""
    return _join(place, brackets=True)


def _join(place: Place, *, brackets: bool) -> str:
    steps: list[str] = []
    while place:
        step = place[1]
        in_brackets = isinstance(step, int) or (brackets and len(place) > 2)
        steps.append(f"[{step}]" if in_brackets else f".{step}")
        place = place[0]
    return "".join(reversed(steps)).removeprefix(".")
