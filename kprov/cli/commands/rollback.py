"""`kprov rollback`: return a cluster to the components before its last upgrade."""

from __future__ import annotations

from typing import Annotated

import typer

from kprov.cli.options.operation_options import OperationArguments
from kprov.cli.options.run_options import add_options
from kprov.cli.options.upgrade_options import DrainTimeout, Force, Gate, GateTimeout, GracePeriod
from kprov.cli.output.operation_output import run_command

Drain = Annotated[
    bool,
    typer.Option("--drain/--no-drain", help="Whether to evict the pods of each host; they run on without."),
]


@add_options
def command(
    command_line: OperationArguments,
    drain: Drain = False,
    gate: Gate = "",
    gate_timeout: GateTimeout = 300,
    grace_period: GracePeriod = -1,
    drain_timeout: DrainTimeout = 360,
    force: Force = False,
) -> None:
    """Return hosts to the components, units and settings before the last upgrade, one by one, workers first.

    `kprov up` keeps them until the next `kprov upgrade`. Ends an upgrade that failed or was interrupted.
    """
    arguments = {
        "limit": command_line.limit,
        "drain": drain,
        "gate": gate,
        "gate_timeout": gate_timeout,
        "grace_period": grace_period,
        "timeout": drain_timeout,
        "force": force,
    }
    run_command(
        command_line,
        "rollback",
        arguments,
        question="Return the hosts to the components before the last upgrade?",
    )
