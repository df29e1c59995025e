"""`kprov etcd snapshot`: take, list and fetch snapshots of etcd."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kprov.cli.options.run_options import HostOptions
from kprov.cli.output.tables import Format, print_table
from kprov.cli.output.unreachable import exit_if_unreachable
from kprov.errors import InputError

if TYPE_CHECKING:
    from kprov.operations.etcd.snapshot_copies import SnapshotSource
    from kprov.operations.etcd.snapshots import Snapshot


class SnapshotAction(StrEnum):
    """What `kprov etcd snapshot` does."""

    TAKE = "take"
    LIST = "list"
    FETCH = "fetch"


Action = Annotated[
    SnapshotAction,
    typer.Argument(help="take a snapshot now, list those of all hosts, or fetch them to this machine."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="File or folder for the snapshot; a file NAME.db is decompressed. "
        "[default: for fetch this folder; take leaves it on the host]",
    ),
]
Name = Annotated[str, typer.Option("--name", help="Snapshot to fetch. [default: the newest]")]
All = Annotated[
    bool, typer.Option("--all", help="Fetch all snapshots that the folder of --output does not have.")
]
Keep = Annotated[
    int | None,
    typer.Option(
        "--keep", min=1, help="With --all: keep this number of snapshots in the folder, remove older ones."
    ),
]
FromStore = Annotated[
    bool,
    typer.Option("--s3", help="List or fetch those in the store (etcd_snapshot_s3_url). Needs no host."),
]
ListFormat = Annotated[Format, typer.Option("--format", help="Output format of list and take.")]


@dataclass(frozen=True)
class SnapshotArguments(HostOptions):
    """Options of `kprov etcd snapshot`."""

    output: Output = None
    name: Name = ""
    every: All = False
    keep: Keep = None
    from_store: FromStore = False
    format: ListFormat = Format.TABLE

    def check(self, action: SnapshotAction) -> None:
        """Raise InputError for options that do not go with the action or with each other."""
        if action is SnapshotAction.LIST and self.output is not None:
            raise InputError("list writes no file; its format is --format", field="--output")
        if action is SnapshotAction.TAKE and self.from_store:
            raise InputError("a host takes the snapshot; only list and fetch read the store", field="--s3")
        if action is not SnapshotAction.FETCH:
            for field, value in (("--name", self.name), ("--all", self.every)):
                if value:
                    raise InputError(f"only fetch has this option, not {action.value}", field=field)
        if self.name and self.every:
            raise InputError("--all fetches all snapshots, not one", field="--name")
        if self.keep is not None and not self.every:
            raise InputError("only `fetch --all` removes old snapshots", field="--keep")


def run_snapshot_command(command_line: SnapshotArguments, action: Action = SnapshotAction.TAKE) -> None:
    """Take a snapshot and prove it by a restore into a scratch etcd; list and fetch what the hosts took."""
    command_line.check(action)
    command_line.unlock()
    if command_line.from_store:
        from kprov.operations.cluster import open_cluster
        from kprov.operations.etcd.snapshot_store import open_store

        with open_cluster(command_line.path, command_line.host_options()) as cluster:
            _list_or_fetch(command_line, action, open_store(cluster))
        return
    from kprov.operations.etcd.connecting import open_etcd
    from kprov.operations.etcd.snapshot_copies import fetch_snapshot
    from kprov.operations.etcd.snapshots import HostSnapshots, take_snapshot

    with open_etcd(command_line.path, command_line.host_options()) as (cluster, unreachable):
        hosts = HostSnapshots(cluster, unreachable)
        if action is SnapshotAction.TAKE:
            taken = take_snapshot(cluster, unreachable)
            _print_snapshots([taken], command_line.format)
            if command_line.output is not None:
                _print_copy(fetch_snapshot(hosts, taken, command_line.output), command_line.format)
        else:
            _list_or_fetch(command_line, action, hosts)
    exit_if_unreachable(unreachable)


def _list_or_fetch(command_line: SnapshotArguments, action: SnapshotAction, source: SnapshotSource) -> None:
    from kprov.operations.etcd import snapshot_copies

    snapshots = source.list_snapshots()
    if action is SnapshotAction.LIST:
        _print_snapshots(snapshots, command_line.format)
        return
    folder = command_line.output or Path()
    newest = snapshot_copies.choose_snapshot(snapshots, command_line.name)
    if not command_line.every:
        _print_copy(snapshot_copies.fetch_snapshot(source, newest, folder), command_line.format)
        return
    wanted = snapshots[-command_line.keep :] if command_line.keep else snapshots
    for path in snapshot_copies.fetch_missing(source, wanted, folder):
        _print_copy(path, command_line.format)
    if command_line.keep:
        for path in snapshot_copies.remove_old(folder, command_line.keep):
            typer.echo(f"removed {path}")
    typer.echo(f"the newest snapshot is {newest.file}")


def _print_copy(path: Path, form: Format) -> None:
    typer.echo(f"wrote {path} ({path.stat().st_size} bytes)", err=form is Format.JSON)


def _print_snapshots(snapshots: list[Snapshot], form: Format) -> None:
    from kprov.operations.etcd.alarms import format_size

    if form is Format.JSON:
        typer.echo(json.dumps([asdict(snapshot) for snapshot in snapshots], indent=2))
        return
    rows = [
        (
            snapshot.host,
            snapshot.file,
            _format_time(snapshot.time),
            str(snapshot.revision),
            str(snapshot.keys),
            format_size(snapshot.size),
            format_size(snapshot.stored),
            _format_time(snapshot.proven),
        )
        for snapshot in snapshots
    ]
    print_table(("HOST", "FILE", "TAKEN", "REVISION", "KEYS", "DB SIZE", "STORED", "PROVEN"), rows)


def _format_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
