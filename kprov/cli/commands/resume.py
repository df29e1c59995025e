"""`kprov resume`: continue a run that failed, was interrupted or lost hosts."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kprov.cli.options.operation_options import OperationArguments
from kprov.cli.options.preflight_options import Ignore
from kprov.cli.options.run_options import HostOptions, Offline, RunArguments, add_options
from kprov.errors import InputError

if TYPE_CHECKING:
    from kprov.playbook.results.journal import EarlierRun


@add_options
def command(
    command_line: RunArguments,
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Journal of the run to continue. [default: the newest]")
    ] = None,
    offline: Offline = None,
    ignore: Ignore = None,
) -> None:
    """Continue the newest run of this inventory at the failed task of each failed host."""
    from kprov.cli.output import run_output
    from kprov.cli.output.operation_output import run_command
    from kprov.operations import later_resets
    from kprov.operations.operation import find_resumable, read_operation
    from kprov.playbook.results import journal as journals
    from kprov.playbook.running.engine import Engine
    from kprov.playbook.templating.code_cache import open_code_cache

    command_line = command_line.with_export(offline)
    loaded = command_line.loaded()
    folder = journals.journal_folder(loaded)
    path = journal or find_resumable(folder)
    if path is None:
        raise InputError("there is no run to continue: the folder has no journal", file=folder)
    if not path.is_file():
        raise InputError("the journal does not exist", file=path, field="--journal")
    memory = journals.EarlierRun(path)
    if memory.finished:
        raise InputError(later_resets.explain_finished(memory.run, str(command_line.path)), file=path)
    later_resets.check_not_reset(memory, str(command_line.path))
    _print_start(memory)
    operation = read_operation(path)
    if operation is not None:
        arguments = OperationArguments(
            **{field.name: getattr(command_line, field.name) for field in fields(HostOptions)},
            diff=command_line.diff,
            report=command_line.report,
            verbose=command_line.verbose,
        )
        run_command(arguments, *operation, resume=path)
        return
    if memory.run.get("command") == "up":
        from kprov.cli.commands import up

        up.run_up(command_line, path, ignore)
        return
    with run_output.show_run(command_line) as watch:
        with Engine(
            loaded, command_line.options(journal=folder), watch.callbacks, open_code_cache()
        ) as engine:
            result = engine.resume(path)
        watch.finish(result)
    raise typer.Exit(result.exit_code)


def _print_start(memory: EarlierRun) -> None:
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(memory.run.get("time", 0)))
    playbooks = ", ".join(Path(name).name for name in memory.run.get("playbooks") or [])
    what = playbooks or str(memory.run.get("command"))
    done = f": {len(memory)} tasks are done" if playbooks else ""
    typer.echo(f"Continuing {what} of {started}{done}")
    for host, entry in memory.failed.items():
        typer.echo(f"  {host}: {entry['outcome']} at {entry['task']} ({entry['place']})")
