"""The `kprov` program: its commands, and the conversion of errors to messages and exit codes."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from kprov.cli.options import help_panels, operator_paths
from kprov.cli.output import standard_streams
from kprov.errors import InputError, InternalError, KprovError

# Every command in the order of the help: its name, its module and its line of help. The module has
# an `app` (typer.Typer) if it is a group, otherwise a function `command`. It is imported when it is used.
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("kprov.cli.commands.up", "Create or update the cluster that an inventory describes."),
    "plan": ("kprov.cli.commands.plan", "Show what up would change on each host; save it for up --plan."),
    "resume": ("kprov.cli.commands.resume", "Continue a run that failed or was interrupted."),
    "preflight": ("kprov.cli.commands.preflight", "Check whether the hosts can become a cluster."),
    "verify": ("kprov.cli.commands.verify", "Check the hosts and the cluster."),
    "diagnose": ("kprov.cli.commands.diagnose", "Collect what a bug report needs, without secrets."),
    "node": ("kprov.cli.commands.node", "Work on single hosts of a running cluster."),
    "kubeconfig": ("kprov.cli.commands.kubeconfig", "Print a kubeconfig, also for a user, or merge it."),
    "upgrade": ("kprov.cli.commands.upgrade", "Upgrade a running cluster host by host."),
    "rollback": (
        "kprov.cli.commands.rollback",
        "Return a cluster to the components before its last upgrade.",
    ),
    "etcd": ("kprov.cli.commands.etcd", "Look after the members and the data of etcd."),
    "reset": ("kprov.cli.commands.reset", "Remove the cluster from its hosts."),
    "play": ("kprov.cli.commands.play", "Run playbooks."),
    "run": ("kprov.cli.commands.run", "Run one module on many hosts."),
    "inventory": ("kprov.cli.commands.inventory", "Show and check inventories."),
    "vault": ("kprov.cli.commands.vault", "Encrypt, decrypt and edit values and files."),
    "quickstart": (
        "kprov.cli.commands.quickstart",
        "Create lab hosts, install a cluster on them, and verify it.",
    ),
    "init": ("kprov.cli.commands.init", "Write a new inventory."),
    "certs": ("kprov.cli.commands.certificates", "Issue, show, renew, recover and replace certificates."),
    "secrets": ("kprov.cli.commands.secrets", "Rotate the keys of encrypted secrets and of tokens."),
    "token": ("kprov.cli.commands.token", "Create, list and delete bootstrap tokens."),
    "bundle": ("kprov.cli.commands.bundle", "Build and list bundles of the components."),
    "lab": ("kprov.cli.commands.lab", "Create and remove test hosts on this machine."),
    "completion": ("kprov.cli.commands.completion", "Print the completion script of a shell."),
    "version": ("kprov.cli.commands.version", "Show the versions of kprov and its components."),
}


#: What the system says of names that users wrote: longer than it accepts, or a loop of symbolic links.
_BAD_PATHS = frozenset({errno.ENAMETOOLONG, errno.ELOOP})
#: Characters of such a name that a message shows.
_LONGEST_PATH = 200

#: New objects after which Python looks for cycles.
_COLLECT_AFTER = 20_000


def build_program(arguments: Sequence[str]) -> typer.Typer:
    """Build the program for these arguments. Only the command that they name is imported."""
    app = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="From bare machines to a verified, highly available Kubernetes cluster, over SSH.",
    )
    app.callback()(root)
    words = _words_to_complete() or arguments
    command_name = next((word for word in words if not word.startswith("-")), "")
    for name, (module_name, help_line) in COMMANDS.items():
        module: Any = importlib.import_module(module_name) if name == command_name else None
        if hasattr(module, "app"):
            for registered in module.app.registered_commands:
                registered.cls = operator_paths.AbsolutePathsCommand
            app.add_typer(module.app, name=name, help=help_line)
        else:
            function = module.command if module else _placeholder
            # An imported command has its own, longer help.
            text = None if module else help_line
            app.command(name, help=text, cls=help_panels.SectionedCommand)(function)
    return app


def _words_to_complete() -> list[str]:
    """Return the words after `kprov` on the line that a shell wants to complete; none without a request."""
    if "_KPROV_COMPLETE" not in os.environ:
        return []
    # bash passes one word per line, zsh and fish the line up to the cursor.
    return (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()[1:]


def _placeholder() -> None:
    """Stand for a command that is not imported, in the help."""


def _print_version(is_requested: bool) -> None:
    if is_requested:
        from importlib.metadata import version

        typer.echo(f"kprov {version('kprov')}")
        raise typer.Exit


def root(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Accept the options before the command."""


def main() -> None:
    """Run the program. An error of kprov becomes one message on stderr and an exit code."""
    standard_streams.protect_streams()
    # A command makes many objects and few cycles. With Python's threshold most collections find nothing.
    gc.set_threshold(_COLLECT_AFTER)
    # pydantic would search the metadata of all installed packages for plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    code = _run()
    # The run has ended: Ctrl-C must not change the exit code.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lost = standard_streams.write_error()
    if lost is not None:
        typer.echo(f"error: cannot write the output: {lost.strerror}", err=True)
    sys.exit(code or (1 if lost is not None else 0))


def _run() -> str | int | None:
    try:
        build_program(sys.argv[1:])()
    except SystemExit as end:
        return end.code
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        return 130
    except KprovError as error:
        from kprov.inventory import secrets

        typer.echo(escape_controls(secrets.scrub(f"error: {error}")), err=True)
        return error.exit_code
    except (RecursionError, MemoryError, OSError) as error:
        return _report_input(error)
    except Exception as error:
        from kprov.cli import crash_report

        file = crash_report.write_report(error)
        typer.echo(f"error: internal error in kprov; please report it with the file {file}", err=True)
        return InternalError.exit_code
    return 0


def _report_input(error: Exception) -> int:
    """Report what the user's input or machine did that no part of kprov expected, and the traceback."""
    from kprov.cli import crash_report

    if isinstance(error, OSError) and error.errno in _BAD_PATHS and error.filename:
        name = str(error.filename)
        short_name = name if len(name) <= _LONGEST_PATH else f"{name[:_LONGEST_PATH]}..."
        typer.echo(escape_controls(f"error: {short_name}: {error.strerror}"), err=True)
        return InputError.exit_code
    file = crash_report.write_report(error)
    if isinstance(error, OSError):
        text = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    elif isinstance(error, MemoryError):
        text = "the input needs more memory than there is"
    else:
        text = "the input is nested too deeply"
    typer.echo(escape_controls(f"error: {text}; the traceback is in {file}"), err=True)
    return InputError.exit_code


def escape_controls(text: str) -> str:
    """Return a text whose control characters, except tabs and ends of lines, are visible."""
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape").decode()
        for character in text
    )


if __name__ == "__main__":
    main()
