"""`kprov node`: work on single hosts of a running cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from kprov.cli.options.operation_options import OperationArguments
from kprov.cli.options.preflight_options import Ignore, split_checks
from kprov.cli.options.run_options import add_options
from kprov.cli.output.operation_output import run_command

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Hosts = Annotated[list[str], typer.Argument(metavar="HOST...", help="Hosts of the inventory.")]
Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="HOST...", help="Hosts of the inventory, or nodes and members of etcd that it does not have."
    ),
]
Unreachable = Annotated[
    bool, typer.Option("--unreachable", help="Also remove hosts that are dead, which cannot be reset.")
]
WithoutFaultTolerance = Annotated[
    bool,
    typer.Option(
        "--without-fault-tolerance",
        help="Also leave etcd with so few members that the cluster does not survive the failure of one.",
    ),
]
GracePeriod = Annotated[
    int,
    typer.Option("--grace-period", help="Seconds that pods have to exit; -1: as each pod says.", min=-1),
]
Timeout = Annotated[
    int, typer.Option("--drain-timeout", help="Seconds to wait for the pods of a host; 0: no limit.", min=0)
]
Force = Annotated[bool, typer.Option("--force", help="Also delete pods that no controller replaces.")]


@dataclass(frozen=True, kw_only=True)
class _DrainOptions:
    grace_period: GracePeriod = -1
    drain_timeout: Timeout = 360
    force: Force = False


@dataclass(frozen=True, kw_only=True)
class DrainArguments(OperationArguments, _DrainOptions):
    """Options of an operation that drains hosts. Its own come first in the help."""

    def collect(self, hosts: list[str]) -> dict[str, Any]:
        """Return the arguments of the operation."""
        return {
            "hosts": hosts,
            "grace_period": self.grace_period,
            "timeout": self.drain_timeout,
            "force": self.force,
        }


@app.callback()
def node() -> None:
    """Work on single hosts of a running cluster."""


@app.command("add")
@add_options
def add(options: OperationArguments, hosts: Hosts, ignore: Ignore = None) -> None:
    """Set up hosts that the inventory gained. `kprov up` does so, too, and updates all others."""
    run_command(options, "node add", {"hosts": hosts, "ignore": split_checks(ignore)})


@app.command("remove")
@add_options
def remove(
    options: DrainArguments,
    hosts: Targets,
    unreachable: Unreachable = False,
    without_fault_tolerance: WithoutFaultTolerance = False,
) -> None:
    """Drain hosts, take them out of the cluster and reset them. Delete them from the inventory afterwards."""
    arguments = options.collect(hosts)
    arguments |= {"unreachable": unreachable, "without_fault_tolerance": without_fault_tolerance}
    question = f"Remove {', '.join(hosts)} from the cluster, with all its data there?"
    if without_fault_tolerance:
        question += " The cluster may not survive the failure of a host afterwards."
    run_command(options, "node remove", arguments, question=question)


@app.command("replace")
@add_options
def replace(options: DrainArguments, hosts: Hosts, ignore: Ignore = None) -> None:
    """Set up hosts anew that were reinstalled, lost their disk, have a new address, or are to be erased."""
    arguments = options.collect(hosts) | {"ignore": split_checks(ignore)}
    question = f"Remove all data of the cluster from {', '.join(hosts)}, and set it up anew?"
    run_command(options, "node replace", arguments, question=question)


@app.command("drain")
@add_options
def drain(options: DrainArguments, hosts: Hosts) -> None:
    """Evict all pods from hosts, with respect to PodDisruptionBudgets, so that they can be worked on."""
    run_command(options, "node drain", options.collect(hosts))


@app.command("uncordon")
@add_options
def uncordon(options: OperationArguments, hosts: Hosts) -> None:
    """Let the scheduler use hosts again."""
    run_command(options, "node uncordon", {"hosts": hosts})
