"""Mistakes in files, collected so that all of them are reported at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kprov.errors import InputError


class Problems:
    """The mistakes found while a playbook, with what it names, is read."""

    def __init__(self) -> None:
        self.found: list[InputError] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keep an InputError of the block and go on after it."""
        try:
            yield
        except InputError as error:
            self.found.append(error)

    def report(self, path: Path) -> None:
        """Raise one InputError with every problem, a line each; nothing when there is none."""
        unique = list({str(problem): problem for problem in self.found}.values())
        if len(unique) == 1:
            raise unique[0]
        if unique:
            lines = "\n".join(f"  {problem}" for problem in unique)
            raise InputError(f"{len(unique)} problems in {path}\n{lines}")
