"""Asks the user for consent before a command that destroys or replaces something."""

from __future__ import annotations

import sys

import typer

from kprov.errors import InputError


def confirm(question: str, *, option: str = "--yes", err: bool = False) -> None:
    """Ask a question; "no" ends the command. Raises InputError without a terminal and without an answer."""
    try:
        is_agreed = typer.confirm(question, err=err)
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        typer.echo(err=err)
        text = f"there is no terminal to ask, and the input has no answer; {option} agrees without a question"
        raise InputError(text) from None
    if not is_agreed:
        raise typer.Abort
