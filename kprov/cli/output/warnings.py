"""Warnings of commands that have no other progress to show."""

from __future__ import annotations

from kprov.cli.output.tables import errors
from kprov.playbook.results.run_result import SilentCallbacks


class WarningPrinter(SilentCallbacks):
    """Prints warnings about hosts on standard error."""

    def warning(self, text: str) -> None:
        errors.print(f"warning: {text}", style="magenta", markup=False)
