"""The `kprov` program: its groups of commands, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any

import click
import typer
from typer.core import TyperGroup

from kprov.errors import KprovError

# Every command: its name, the file in kprov/cli it lives in, and its line in `kprov --help`. A file has an `app`
# (typer.Typer) when it is a group, a function `command` otherwise; it is imported when it is asked for.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("kprov.cli.init", "Write an inventory from a few answers."),
    "certs": ("kprov.cli.certificates", "Certificates of a cluster."),
    "bundle": ("kprov.cli.bundle", "The components as they travel to hosts."),
    "lab": ("kprov.cli.lab", "systemd hosts on this machine, to try things on."),
}


class LazyGroup(TyperGroup):
    """Imports a command's file when the command is used: `kprov --help` needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module_name, help_line = COMMANDS[cmd_name]
        if ctx.params.get("_listing"):
            return click.Command(cmd_name, help=help_line)
        return load(module_name, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


def load(module_name: str, name: str) -> click.Command:
    """The command of a file of kprov/cli."""
    module: Any = importlib.import_module(module_name)
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False)
        app.command(name)(module.command)
    command = typer.main.get_command(app)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From bare machines to a verified, highly available Kubernetes cluster, over SSH.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"kprov {version('kprov')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Options that stand before the command."""


def main() -> None:
    """Run the program; errors of kprov end as one message on stderr and their exit code."""
    try:
        app(standalone_mode=True)
    except KprovError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
