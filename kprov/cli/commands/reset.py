"""`kprov reset`: remove the cluster from its hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from kprov.cli.options.run_options import Check, HostOptions, Verbose, add_options
from kprov.cli.output.confirmation import confirm
from kprov.cli.output.tables import console, print_table


@add_options
def command(
    command_line: HostOptions,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="With --limit: also hosts that are still in the cluster of the others. "
            "Their members leave etcd.",
        ),
    ] = False,
    without_quorum: Annotated[
        bool, typer.Option("--without-quorum", help="With --limit: also if etcd then loses its quorum.")
    ] = False,
    check: Check = False,
    verbose: Verbose = 0,
) -> None:
    """Stop the cluster and remove it from its hosts, with all data. The keys on this machine stay.

    To take single hosts out of a running cluster, use `kprov node remove`.
    """
    from kprov.cli.output.progress import Progress
    from kprov.operations import reset

    command_line.unlock()
    options = replace(command_line.host_options(), check=check)

    asks = not yes and not check
    # Only a host of the others' cluster has consequences for it, which are known after a look at them.
    asks_late = force or without_quorum

    def ask(hosts: Sequence[str]) -> None:
        confirm(f"Remove the cluster and all its data from {', '.join(hosts)}?")

    def agree(hosts: Sequence[str], consequences: Sequence[str]) -> None:
        for sentence in consequences:
            typer.echo(sentence)
        if asks and asks_late:
            ask(hosts)

    if asks and not asks_late:
        ask(reset.find_hosts(command_line.path, options))
    result = reset.reset_hosts(
        command_line.path,
        options,
        Progress(verbose=verbose),
        agree,
        force=force,
        without_quorum=without_quorum,
    )
    console.print()
    print_table(
        ("HOST", "OK", "CHANGED", "FAILED"),
        [(n, str(s.ok), str(s.changed), str(s.failed + s.unreachable)) for n, s in result.hosts.items()],
    )
    if not result.ok:
        raise typer.Exit(result.exit_code)
    console.print(f"Reset in {result.seconds:.1f} s")
