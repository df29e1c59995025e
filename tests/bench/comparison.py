"""The same figures of our program and of another one, in one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.bench.hosts import show


def compare(
    measure: Callable[[str | None], dict[str, float]],
    other: str | None,
    wanted: Mapping[str, str],
    *,
    digits: int = 0,
) -> None:
    """Print the figures of ours and, if there is another program, its figures and the ratios.

    wanted: the ratio to reach, by the figure's name.
    """
    theirs = measure(other) if other else {}
    show(build_rows(measure(None), theirs, wanted, digits=digits))


def build_rows(
    ours: Mapping[str, float], theirs: Mapping[str, float], wanted: Mapping[str, str], *, digits: int = 0
) -> list[tuple[str, str]]:
    """Each figure's name, and its value with that of the other program, the ratio and the goal."""
    rows = []
    for name, value in ours.items():
        text = f"{value:.{digits}f}"
        if name in theirs:
            goal = f" ({wanted[name]})" if name in wanted else ""
            text += f", the other {theirs[name]:.{digits}f}"
            text += f": {value / theirs[name]:.2f}{goal}" if theirs[name] else ""
        rows.append((name, text))
    return rows
