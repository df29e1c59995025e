"""`kprov diagnose`: collect journals, states and configuration of all hosts for a bug report."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated

import typer

from kprov.cli.options.output_files import check_writable
from kprov.cli.options.run_options import HostOptions, add_options
from kprov.cli.output.tables import console
from kprov.cli.output.unreachable import exit_if_unreachable
from kprov.errors import InputError

_AGO = re.compile(r"[1-9][0-9]*[smhd]")
_POINT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?")

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The archive. [default: kprov-diagnosis-TIME.tar.gz]"),
]
Since = Annotated[
    str,
    typer.Option("--since", help="Age of the journals (30m, 12h, 2d), or a time (2026-05-01 12:00, UTC)."),
]


@add_options
def command(command_line: HostOptions, output: Output = None, since: Since = "24h") -> None:
    """Collect journals, states, configuration and objects of a cluster into one archive, without secrets.

    Unreachable hosts are named in the archive's index. The command changes nothing on the hosts.
    """
    from kprov.cli.output.warnings import WarningPrinter
    from kprov.operations.diagnose.collection import diagnose_cluster

    journal_since = parse_since(since)
    path = output or Path(f"kprov-diagnosis-{time.strftime('%Y%m%dT%H%M%S')}.tar.gz")
    if not path.name.endswith((".tar.gz", ".tgz")):
        raise InputError(f"{path.name!r} must end with .tar.gz", field="--output")
    check_writable(path, field="--output")
    command_line.unlock()
    diagnosis = diagnose_cluster(
        command_line.path,
        path,
        journal_since,
        command_line.host_options(),
        WarningPrinter(),
        lambda text: console.print(text, markup=False),
    )
    for host, reason in diagnosis.unreachable.items():
        console.print(f"unreachable: {host}: {reason}", style="red", markup=False)
    for problem in diagnosis.problems:
        console.print(f"problem: {problem}", style="yellow", markup=False)
    size = path.stat().st_size / 1024
    console.print(
        f"Wrote {path}: {len(diagnosis.files)} files, {size:.0f} KiB. Read index.md first", markup=False
    )
    exit_if_unreachable(diagnosis.unreachable, named=True)


def parse_since(text: str) -> str:
    """Return the argument of `journalctl --since` for an age or a time. Raises InputError."""
    if _AGO.fullmatch(text):
        return f"-{text}"
    if _POINT.fullmatch(text):
        return f"{text.replace('T', ' ')} UTC"
    raise InputError(
        f"{text!r} is not an age such as 30m, 12h, 2d, or a time such as 2026-05-01 12:00", field="--since"
    )
