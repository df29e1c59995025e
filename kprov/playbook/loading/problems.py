"""Collect the mistakes of files, to report all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kprov.errors import InputError


class Problems:
    """The mistakes in a playbook and in the files that it uses."""

    def __init__(self) -> None:
        self.found: list[InputError] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Catch and keep an InputError of the block."""
        try:
            yield
        except InputError as error:
            self.found.append(error)

    def report(self, path: Path) -> None:
        """Raise one InputError with one line for each problem, if there is any."""
        unique = list({str(problem): problem for problem in self.found}.values())
        if len(unique) == 1:
            raise unique[0]
        if unique:
            lines = "\n".join(f"  {problem}" for problem in unique)
            raise InputError(f"{len(unique)} problems in {path}\n{lines}")
