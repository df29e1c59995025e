"""Options of commands that change a running cluster in phases, such as `kprov node drain`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kprov.cli.options.output_files import check_writable
from kprov.cli.options.run_options import Check, Diff, HostOptions, Verbose

if TYPE_CHECKING:
    from kprov.playbook.results.run_result import RunOptions

PlanOnly = Annotated[bool, typer.Option("--plan", help="Only show what each phase would do now.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Abandon = Annotated[
    bool, typer.Option("--abandon", help="Give up another operation that failed or was interrupted.")
]
PhaseReport = Annotated[
    Path | None, typer.Option("--report", help="Write a JSON report of all phases to this file.")
]


@dataclass(frozen=True)
class OperationArguments(HostOptions):
    """Options of an operation."""

    plan: PlanOnly = False
    check: Check = False
    diff: Diff = False
    yes: Yes = False
    abandon: Abandon = False
    report: PhaseReport = None
    verbose: Verbose = 0

    def options(self) -> RunOptions:
        """Return the engine's options. Raises InputError if the report cannot be written."""
        if self.report is not None:
            check_writable(self.report, field="--report")
        return replace(self.host_options(), check=self.check, diff=self.diff, verbosity=self.verbose)
