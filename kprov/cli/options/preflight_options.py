"""The option --ignore of commands that run preflight checks."""

from __future__ import annotations

from typing import Annotated

import typer

from kprov.cli.options.run_options import split_names

Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", help="Skip these preflight checks: names with commas (repeatable)."),
]


def split_checks(values: list[str] | None) -> list[str]:
    """Return the names of all values of the option."""
    return [name for value in values or [] for name in split_names(value)]
