"""Collect the mistakes of files, to report all of them at once, or defer one to the run of its task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kprov.errors import InputError


class MissingError(InputError):
    """A role, a file of tasks or a module is not there, or not there yet."""


class Problems:
    """The mistakes in a playbook and in the files that it uses."""

    def __init__(self) -> None:
        self.errors: list[InputError] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Catch and keep an InputError of the block."""
        try:
            yield
        except InputError as error:
            self.errors.append(error)

    def report(self, path: Path) -> None:
        """Raise one InputError with one line for each problem, if there is any."""
        unique = list({str(problem): problem for problem in self.errors}.values())
        if len(unique) == 1:
            raise unique[0]
        if unique:
            lines = "\n".join(f"  {problem}" for problem in unique)
            raise InputError(f"{len(unique)} problems in {path}\n{lines}")


def defer_problem(check: Callable[[], None], warnings: list[str]) -> str:
    """Run a check of a task that Ansible makes only when the task runs.

    Return the reason of its InputError, which goes to `warnings` with its file and line, or "".
    """
    try:
        check()
    except InputError as error:
        warnings.append(str(error))
        return error.reason
    return ""
