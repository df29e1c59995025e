"""`kprov etcd`: look after the members and the data of etcd."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kprov.cli.commands.etcd_snapshot import run_snapshot_command
from kprov.cli.options.operation_options import OperationArguments
from kprov.cli.options.preflight_options import Ignore, split_checks
from kprov.cli.options.run_options import HostOptions, add_options
from kprov.cli.output.operation_output import run_command
from kprov.cli.output.tables import Format, FormatOption, print_table
from kprov.cli.output.unreachable import exit_if_unreachable

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


All = Annotated[bool, typer.Option("--all", help="Also defragment members with little free space.")]


SnapshotFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="Snapshot on this machine, as `kprov etcd snapshot fetch` or `etcdctl snapshot save` wrote it.",
    ),
]
Identity = Annotated[
    Path | None,
    typer.Option("--identity", help="File with the secret key of age, if the snapshot is encrypted."),
]
RestoreFromStore = Annotated[
    bool,
    typer.Option(
        "--s3", help="FILE is the name of a snapshot in the store (etcd_snapshot_s3_url), or `newest`."
    ),
]
Host = Annotated[str, typer.Argument(metavar="HOST", help="Host of the group etcd.")]


@app.callback()
def etcd() -> None:
    """Look after the members and the data of etcd."""


@app.command("status")
@add_options
def status(command_line: HostOptions, output: FormatOption = Format.TABLE) -> None:
    """Show the state of each member. Exit with 1 if a member is unhealthy or an alarm is active.

    The exit code is 4 if a host does not answer.
    """
    from kprov.operations.etcd.alarms import format_size
    from kprov.operations.etcd.connecting import open_etcd
    from kprov.operations.etcd.status import find_member_problems, read_members

    command_line.unlock()
    with open_etcd(command_line.path, command_line.host_options()) as (cluster, unreachable):
        members = read_members(cluster, unreachable)
    problems = find_member_problems(members)
    problems += [
        f"{member.host}: the database is full, etcd rejects writes (alarm NOSPACE): run `kprov etcd defrag`"
        for member in members
        if "NOSPACE" in member.alarms
    ]
    if output is Format.JSON:
        document = {"members": [member.to_json() for member in members], "problems": problems}
        typer.echo(json.dumps(document, indent=2))
    else:
        head = ("HOST", "ID", "VERSION", "ROLE", "DB SIZE", "IN USE", "REVISION", "RAFT INDEX", "ALARMS")
        rows = []
        for member in members:
            if member.error:
                rows.append((member.host, "", "", "unreachable", "", "", "", "", ""))
                continue
            role = "learner" if member.learner else "leader" if member.leader else "follower"
            sizes = (format_size(member.size), format_size(member.in_use))
            numbers = (str(member.revision), str(member.raft_index))
            alarms = ",".join(member.alarms) or "-"
            rows.append((member.host, f"{member.id:x}", member.version, role, *sizes, *numbers, alarms))
        print_table(head, rows)
        for problem in problems:
            typer.echo(problem, err=True)
    exit_if_unreachable(unreachable, named=True)
    if problems:
        raise typer.Exit(1)


@app.command("members")
@add_options
def members(command_line: HostOptions, output: FormatOption = Format.TABLE) -> None:
    """Show the member list of etcd, also with members that are not in the inventory."""
    from kprov.operations.etcd.connecting import open_etcd
    from kprov.operations.etcd.status import read_member_list

    command_line.unlock()
    with open_etcd(command_line.path, command_line.host_options()) as (cluster, unreachable):
        hosts = [host for host in cluster.members("etcd") if host not in unreachable]
        if not hosts:
            exit_if_unreachable(unreachable)
        entries = read_member_list(cluster, hosts)
        addresses = {cluster.address(host): host for host in cluster.members("etcd")}
    if output is Format.JSON:
        document = [asdict(entry) | {"host": addresses.get(entry.address, "")} for entry in entries]
        typer.echo(json.dumps(document, indent=2))
        exit_if_unreachable(unreachable)
        return
    rows = [
        (
            entry.id,
            entry.name or "-",
            addresses.get(entry.address, "not in the inventory"),
            ",".join(entry.peer_urls),
            "learner" if entry.is_learner else "voter",
            "started" if entry.name else "never started",
        )
        for entry in entries
    ]
    print_table(("ID", "NAME", "HOST", "PEER URL", "VOTES", "STATE"), rows)
    exit_if_unreachable(unreachable)


@app.command("defrag")
@add_options
def defrag(command_line: OperationArguments, every: All = False) -> None:
    """Give free space of the databases back to the disk, one member at a time, the leader last.

    If etcd is full (alarm NOSPACE), compact the history first, and clear the alarm at the end.
    """
    run_command(command_line, "etcd defrag", {"all": every})


@app.command("disarm")
@add_options
def disarm(command_line: OperationArguments) -> None:
    """Clear the alarm NOSPACE, if there is space again."""
    run_command(command_line, "etcd disarm", {})


@app.command("replace")
@add_options
def replace(command_line: OperationArguments, host: Host) -> None:
    """Erase a member's data and let it join again: it gets all data from the other members."""
    question = f"Erase the data of the member on {host}?"
    run_command(command_line, "etcd replace", {"host": host}, question=question)


@app.command("restore")
@add_options
def restore(
    command_line: OperationArguments,
    file: SnapshotFile,
    identity: Identity = None,
    from_store: RestoreFromStore = False,
    ignore: Ignore = None,
) -> None:
    """Bring the cluster back to a snapshot, also on new hosts. --plan shows what is lost.

    The API does not answer for some seconds. Pods and nodes follow the restored objects afterwards.
    """
    if from_store:
        file = _fetch_for_restore(command_line, file.name)
    arguments = {
        "file": str(file),
        "identity": str(identity) if identity else "",
        "ignore": split_checks(ignore),
    }
    question = f"Replace all objects of the cluster with those of {file}? What was written since is lost."
    run_command(command_line, "etcd restore", arguments, question=question)


def _fetch_for_restore(command_line: OperationArguments, name: str) -> Path:
    from kprov.operations.cluster import open_cluster
    from kprov.operations.etcd.snapshot_store import fetch_for_restore

    command_line.unlock()
    with open_cluster(command_line.path, command_line.host_options()) as cluster:
        path = fetch_for_restore(cluster, name)
    typer.echo(f"fetched {path} ({path.stat().st_size} bytes)")
    return path


app.command("snapshot")(add_options(run_snapshot_command))
