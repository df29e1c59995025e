"""`kprov run`: run one module on many hosts, as the program `ansible` does."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from kprov.cli.options.run_options import RunArguments, add_options
from kprov.cli.output import report
from kprov.cli.output.callback_pair import CallbackPair
from kprov.cli.output.tables import Format, FormatOption, console, errors
from kprov.inventory import secrets
from kprov.playbook.results.run_result import SilentCallbacks

_PROGRAMS = ("command", "shell", "raw", "script")


class _ResultPrinter(SilentCallbacks):
    """Prints each host's result when it arrives; with `as_json` only collects them."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.results: dict[str, Any] = {}

    def warning(self, text: str) -> None:
        """Print a warning on standard error."""
        errors.print(f"warning: {text}", style="magenta", markup=False)

    def host_done(
        self, host: str, task: str, outcome: str, result: dict[str, Any], seconds: float, place: str
    ) -> None:
        public_values = {key: value for key, value in result.items() if not key.startswith("_")}
        self.results[host] = {"outcome": outcome, **public_values}
        if self.as_json:
            return
        word = {"ok": "SUCCESS", "ignored": "SUCCESS"}.get(outcome, outcome.upper())
        style = {"ok": "green", "changed": "yellow", "skipped": "cyan"}.get(outcome, "red")
        if task.rsplit(".", maxsplit=1)[-1] in _PROGRAMS and "rc" in public_values:
            output = "\n".join(
                str(public_values.get(key)) for key in ("stdout", "stderr", "msg") if public_values.get(key)
            )
            console.print(
                f"{host} | {word} | rc={public_values['rc']} >>\n{output}", style=style, markup=False
            )
        else:
            text = json.dumps(public_values, indent=4, sort_keys=True, default=str)
            console.print(f"{host} | {word} => {text}", style=style, markup=False)


@add_options
def command(
    command_line: RunArguments,
    pattern: Annotated[
        str, typer.Argument(help="Hosts: all, a group, a host, or a pattern such as 'web*:!old'.")
    ],
    module: Annotated[str, typer.Option("--module-name", "-m", help="Name of the module.")] = "command",
    arguments: Annotated[
        str,
        typer.Option("--args", "-a", help="Arguments of the module: NAME=VALUE, JSON, or a command line."),
    ] = "",
    output: FormatOption = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
) -> None:
    """Run one module on hosts, like the ansible command."""
    from kprov.errors import InputError
    from kprov.playbook.running.engine import Engine

    options = command_line.options()
    loaded = command_line.loaded()
    given_arguments: Any = arguments
    if arguments.lstrip().startswith("{") and not arguments.lstrip().startswith("{{"):
        try:
            given_arguments = json.loads(arguments)
        except ValueError as error:
            raise InputError(f"is not JSON: {error}", field="--args") from None
    shown = _ResultPrinter(as_json=as_json or output is Format.JSON)
    recorder = report.Recorder()
    with Engine(loaded, options, CallbackPair(shown, recorder)) as engine:
        result = engine.run_module(pattern, module, given_arguments)
    if command_line.report is not None:
        report.write_report(command_line.report, recorder, result, check=command_line.check)
    if shown.as_json:
        typer.echo(secrets.scrub(json.dumps(shown.results, indent=2, default=str)))
    if not result.hosts:
        raise InputError(f"{pattern!r} matches no host of the inventory", field="PATTERN")
    raise typer.Exit(result.exit_code)
