"""Runs an operation for a command: asks, shows the phases, writes the report, exits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from kprov.cli.options.operation_options import OperationArguments
from kprov.cli.output import summary
from kprov.cli.output.confirmation import confirm
from kprov.cli.output.progress import Progress
from kprov.cli.output.tables import console
from kprov.cli.output.unreachable import exit_if_unreachable

if TYPE_CHECKING:
    from kprov.operations.operation import OperationResult, PhaseResult


class PhaseOutput:
    """Prints the phases of an operation."""

    def __init__(self, *, planned: bool) -> None:
        self._planned = planned

    def phase_started(self, number: int, total: int, title: str, plan: Sequence[str]) -> None:
        """Print the phase and what it will do."""
        skipped = "" if plan else ": nothing to do"
        console.print(f"[{number}/{total}] {title}{skipped}", style="bold" if plan else "dim", markup=False)
        for line in plan:
            console.print(f"  {line}", markup=False, style="" if self._planned else "dim")

    def phase_finished(self, result: PhaseResult) -> None:
        """Print how long it took, or that it failed."""
        if result.state == "failed":
            console.print(f"  failed after {result.seconds:.1f} s", style="red")
        elif result.state == "done":
            console.print(f"  done in {result.seconds:.1f} s", style="dim")


def run_command(
    command_line: OperationArguments,
    name: str,
    arguments: dict[str, Any],
    *,
    question: str = "",
    resume: Path | None = None,
) -> OperationResult:
    """Run an operation and print it. Exit with the error's exit code if a phase fails.

    `question`: what the user must confirm, unless there is --yes, --plan or --check.
    """
    from kprov.operations.operation import run_operation

    command_line.unlock()
    options = command_line.options()
    foreseen = command_line.plan or command_line.check
    if question and not command_line.yes and not foreseen:
        confirm(question)
    try:
        result = run_operation(
            command_line.path,
            name,
            arguments,
            options,
            Progress(diff=command_line.diff, verbose=command_line.verbose),
            PhaseOutput(planned=foreseen),
            lambda text: console.print(text, markup=False),
            plan_only=command_line.plan,
            resume=resume,
            abandon=command_line.abandon,
        )
    except KeyboardInterrupt:
        command = summary.resume_command(command_line.inventory)
        typer.echo(f"interrupted; to continue, run `{command}`", err=True)
        raise SystemExit(130) from None
    if command_line.report is not None:
        _write_report(command_line.report, result)
    if result.error is not None:
        if result.journal is not None:
            command = summary.resume_command(command_line.inventory)
            console.print(f"\nnext: fix the cause, then run `{command}` to continue", markup=False)
        raise result.error
    done = "nothing was changed" if foreseen else f"{result.seconds:.1f} s"
    console.print(f"\n{name}: {done}", style="green", markup=False)
    exit_if_unreachable(result.unreachable)
    return result


def _write_report(path: Path, result: OperationResult) -> None:
    from kprov.inventory import secrets

    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(secrets.scrub(json.dumps(result.to_json(), indent=2)) + "\n")
    temporary.replace(path)
