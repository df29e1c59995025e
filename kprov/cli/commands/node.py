"""`kprov node`: work on single hosts of a running cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from kprov.cli.options.operation_options import OperationArguments
from kprov.cli.options.run_options import add_options
from kprov.cli.output.operation_output import run_command

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Hosts = Annotated[list[str], typer.Argument(metavar="HOST...", help="Hosts of the inventory.")]
GracePeriod = Annotated[
    int,
    typer.Option("--grace-period", help="Seconds that pods have to exit; -1: as each pod says.", min=-1),
]
Timeout = Annotated[
    int, typer.Option("--drain-timeout", help="Seconds to wait for the pods of a host; 0: no limit.", min=0)
]
Force = Annotated[bool, typer.Option("--force", help="Also delete pods that no controller replaces.")]


@app.callback()
def node() -> None:
    """Work on single hosts of a running cluster."""


@app.command("drain")
@add_options
def drain(
    given: OperationArguments,
    hosts: Hosts,
    grace_period: GracePeriod = -1,
    drain_timeout: Timeout = 360,
    force: Force = False,
) -> None:
    """Evict all pods from hosts, with respect to PodDisruptionBudgets, so that they can be worked on."""
    arguments = {"hosts": hosts, "grace_period": grace_period, "timeout": drain_timeout, "force": force}
    run_command(given, "node drain", arguments)


@app.command("uncordon")
@add_options
def uncordon(given: OperationArguments, hosts: Hosts) -> None:
    """Let the scheduler use hosts again."""
    run_command(given, "node uncordon", {"hosts": hosts})
