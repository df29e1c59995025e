"""`kprov upgrade`: upgrade a running cluster host by host."""

from __future__ import annotations

from typing import Annotated

import typer

from kprov.cli.options.operation_options import OperationArguments
from kprov.cli.options.operator_paths import read_file_list
from kprov.cli.options.run_options import add_options
from kprov.cli.options.upgrade_options import DrainTimeout, Force, Gate, GateTimeout, GracePeriod
from kprov.cli.output.operation_output import run_command
from kprov.errors import InputError

To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="VERSION",
        parser=read_file_list,
        help="This kprov's version; or a bundle by its file or digest. [default: this kprov's components]",
    ),
]
Serial = Annotated[
    str, typer.Option("--serial", help="Workers at the same time: a number, or a percentage of all nodes.")
]
Drain = Annotated[bool, typer.Option("--drain/--no-drain", help="Whether to evict the pods of each host.")]
Packages = Annotated[bool, typer.Option("--packages", help="Also upgrade all packages of the distribution.")]
Reboot = Annotated[bool, typer.Option("--reboot", help="Reboot hosts whose packages need it.")]
Rollback = Annotated[
    bool, typer.Option("--rollback/--no-rollback", help="Whether to roll hosts back whose upgrade fails.")
]


@add_options
def command(
    command_line: OperationArguments,
    to: To = "",
    serial: Serial = "1",
    drain: Drain = True,
    packages: Packages = False,
    reboot: Reboot = False,
    gate: Gate = "",
    gate_timeout: GateTimeout = 300,
    rollback: Rollback = True,
    grace_period: GracePeriod = -1,
    drain_timeout: DrainTimeout = 360,
    force: Force = False,
) -> None:
    """Install the components of this kprov on a running cluster, host by host, the control plane first.

    Each host is drained, upgraded, checked and uncordoned. If a check fails, the host returns to its previous
    components, and the upgrade stops.
    """
    if reboot and not drain:
        raise InputError("a reboot needs drained hosts: leave out --no-drain", field="--reboot")
    arguments = {
        "to": to,
        "limit": command_line.limit,
        "serial": serial,
        "drain": drain,
        "packages": packages,
        "reboot": reboot,
        "gate": gate,
        "gate_timeout": gate_timeout,
        "rollback": rollback,
        "grace_period": grace_period,
        "timeout": drain_timeout,
        "force": force,
    }
    run_command(command_line, "upgrade", arguments)
