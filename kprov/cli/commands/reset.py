"""`kprov reset`: remove the cluster from its hosts."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from kprov.cli.options.run_options import Check, HostOptions, Verbose, add_options
from kprov.cli.output.confirmation import confirm
from kprov.cli.output.tables import console, print_table


@add_options
def command(
    given: HostOptions,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="With --limit: also hosts that are still in the cluster of the others."),
    ] = False,
    check: Check = False,
    verbose: Verbose = 0,
) -> None:
    """Stop the cluster and remove it from its hosts, with all data. The keys on this machine stay.

    To take single hosts out of a running cluster, use `kprov node remove`.
    """
    from kprov.cli.output.progress import Progress
    from kprov.operations import reset

    given.unlock()
    options = replace(given.host_options(), check=check)
    names = reset.find_hosts(given.path, options)
    if not yes and not check:
        confirm(f"Remove the cluster and all its data from {', '.join(names)}?")
    result = reset.reset_hosts(given.path, options, Progress(verbose=verbose), force=force)
    console.print()
    print_table(
        ("HOST", "OK", "CHANGED", "FAILED"),
        [(n, str(s.ok), str(s.changed), str(s.failed + s.unreachable)) for n, s in result.hosts.items()],
    )
    if not result.ok:
        raise typer.Exit(result.exit_code)
    console.print(f"Reset in {result.seconds:.1f} s")
