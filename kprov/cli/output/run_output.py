"""The output of a run: progress while it runs, then a summary and a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from kprov.cli.options.run_options import RunArguments
from kprov.cli.output import report
from kprov.cli.output.callback_pair import CallbackPair
from kprov.cli.output.progress import Progress

if TYPE_CHECKING:
    from kprov.playbook.results.run_result import Callbacks, RunResult


@dataclass
class RunOutput:
    """The output of one run; `finish` prints the summary."""

    command_line: RunArguments
    callbacks: Callbacks
    recorder: report.Recorder

    def finish(self, result: RunResult) -> None:
        """Print the summary, and write the report if one is requested."""
        from kprov.cli.output import summary

        if self.command_line.report is not None:
            report.write_report(
                self.command_line.report, self.recorder, result, check=self.command_line.check
            )
        summary.print_summary(result, check=self.command_line.check, inventory=self.command_line.inventory)


@contextmanager
def show_run(command_line: RunArguments) -> Iterator[RunOutput]:
    """Show the progress of a run and record its report."""
    progress = Progress(diff=command_line.diff, verbose=command_line.verbose)
    recorder = report.Recorder()
    watch = RunOutput(command_line, CallbackPair(progress, recorder), recorder)
    try:
        yield watch
    except KeyboardInterrupt:
        from kprov.cli.output import summary

        progress.interrupted()
        command = summary.resume_command(command_line.inventory)
        typer.echo(f"interrupted: stopping the tasks on the hosts; to continue, run `{command}`", err=True)
        raise SystemExit(130) from None
