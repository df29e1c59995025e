"""Tables and colours; plain text where the output is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import IO, Annotated, Any, cast

import typer
from rich.console import Console
from rich.text import Text

from kprov.cli.output.escaping_hook import EscapingHook
from kprov.inventory import secrets


class _ScrubbedStream:
    """A standard stream that scrubs secrets; it forwards to the current sys stream."""

    def __init__(self, name: str) -> None:
        self._name = name

    def write(self, text: str) -> int:
        # What rich prints has its own escapes; those of hosts were replaced (EscapingHook).
        stream = self._real()
        return int(getattr(stream, "write_rendered", stream.write)(secrets.scrub(text)))

    def __getattr__(self, name: str) -> Any:
        if name == "rich_proxied_file":
            raise AttributeError(name)  # otherwise rich would write to it directly
        return getattr(self._real(), name)

    def _real(self) -> Any:
        # rich replaces the stream while a live view is shown.
        stream = getattr(sys, self._name)
        return getattr(stream, "rich_proxied_file", stream)


def _make_console(name: str) -> Console:
    stream = cast("IO[str]", _ScrubbedStream(name))
    made = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, file=stream)
    made.push_render_hook(EscapingHook())
    return made


#: Lines are never folded: logs are searched with grep, and a folded secret would not be scrubbed.
console = _make_console("stdout")
#: Warnings.
errors = _make_console("stderr")


def on_terminal() -> bool:
    """Whether output can be overwritten; FORCE_COLOR does not make a pipe a terminal."""
    return console.file.isatty() and not console.is_dumb_terminal


class Format(StrEnum):
    """Output formats."""

    TABLE = "table"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("-o", "--output", help="Output format.")]


def status_text(*, ok: bool, warning: bool = False) -> str:
    """Return the word for a result; `print_table` colours it."""
    if not ok:
        return "FAILED"
    return "warning" if warning else "ok"


COLOURS = {
    "ok": "green",
    "warning": "yellow",
    "FAILED": "bold red",
    "changed": "yellow",
    "unreachable": "bold red",
}


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns three blanks apart, as kubectl does."""
    if not on_terminal():
        lines = [list(head), *[list(row) for row in rows]]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        for number, line in enumerate(lines):
            cells = [
                Text(cell.ljust(width), "bold" if number == 0 else COLOURS.get(cell, ""))
                for cell, width in zip(line, widths, strict=True)
            ]
            row_text = Text("   ").join(cells)
            row_text.rstrip()
            console.print(row_text)
        return
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for name in head:
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    console.print(grid)
