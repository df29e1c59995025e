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
    rows = []
    for name, value in measure(None).items():
        text = f"{value:.{digits}f}"
        if theirs:
            goal = f" ({wanted[name]})" if name in wanted else ""
            text += f", the other {theirs[name]:.{digits}f}"
            text += f": {value / theirs[name]:.2f}{goal}" if theirs[name] else ""
        rows.append((name, text))
    show(rows)
