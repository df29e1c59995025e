"""Options that `kprov upgrade` and `kprov rollback` share."""

from __future__ import annotations

from typing import Annotated

import typer

Gate = Annotated[
    str,
    typer.Option(
        "--gate",
        metavar="COMMAND",
        help="A command for this machine's shell that must succeed after each step, with KUBECONFIG set.",
    ),
]
GateTimeout = Annotated[
    int, typer.Option("--gate-timeout", help="Seconds for hosts to become healthy, and for --gate.", min=1)
]
GracePeriod = Annotated[
    int,
    typer.Option("--grace-period", help="Seconds that pods have to exit; -1: as each pod says.", min=-1),
]
DrainTimeout = Annotated[
    int, typer.Option("--drain-timeout", help="Seconds to wait for the pods of a host; 0: no limit.", min=0)
]
Force = Annotated[bool, typer.Option("--force", help="Also delete pods that no controller replaces.")]
