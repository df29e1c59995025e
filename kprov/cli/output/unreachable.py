"""The exit code of a command that went on without hosts which do not answer: the same for all commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import typer

#: Also that of errors.NoAnswerError and errors.UnreachableError.
EXIT_CODE = 4


def exit_if_unreachable(unreachable: Mapping[str, str], *, named: bool = False) -> None:
    """Name the hosts that do not answer, and exit with 4; return if all answer. `named`: they were named."""
    if not unreachable:
        return
    for host, reason in unreachable.items():
        if not named:
            typer.echo(f"{host} does not answer: {reason}", err=True)
    raise typer.Exit(EXIT_CODE)


def find_lost_hosts(results: Iterable[Any]) -> dict[str, str]:
    """Return the reason by host that did not answer, from the results of `kprov verify`."""
    from kprov.verify.model import REACHABLE

    return {result.host: result.detail for result in results if result.name == REACHABLE and not result.ok}
