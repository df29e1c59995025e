"""`kprov etcd snapshot`: take a proven snapshot now; list and fetch those that the hosts' timers took.

The work on the host is that of the role etcd_snapshots (`roles/etcd_snapshots/files/etcd_snapshot.py`).
"""

from __future__ import annotations

import json
import shlex
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kprov.errors import HostError, InputError, KprovError
from kprov.operations.cluster import Cluster
from kprov.operations.etcd.snapshot_file import unpack_snapshot
from kprov.operations.etcd.status import read_members
from kprov.operations.etcd.transfer import fetch_file
from kprov.operations.remote import run_command, try_command
from kprov.pki.files import make_folder


@dataclass(frozen=True)
class Snapshot:
    """A snapshot in the folder of a host. `time` and `proven` are seconds since 1970."""

    host: str
    file: str
    time: int
    proven: int
    revision: int
    keys: int
    size: int
    stored: int
    sha256: str
    encrypted: bool
    seconds: float

    @staticmethod
    def from_record(host: str, record: dict[str, Any]) -> Snapshot:
        """Return the snapshot of a record that the host's program wrote."""
        names = [field.name for field in fields(Snapshot) if field.name != "host"]
        return Snapshot(host=host, **{name: record[name] for name in names})


def program_line(cluster: Cluster, host: str, arguments: str) -> str:
    """Return the line that runs the snapshot program of a host as etcd's user."""
    path = _program_path(cluster, host)
    return f"runuser -u etcd -- /usr/bin/python3 -I {shlex.quote(path)} {arguments}"


def take_snapshot(cluster: Cluster, unreachable: dict[str, str]) -> Snapshot:
    """Let the leader's host take and prove a snapshot. Raises KprovError."""
    members = [member for member in read_members(cluster, unreachable) if member.has_leader]
    if not members:
        raise KprovError("no member of etcd serves in a quorum, so that no snapshot can be taken")
    host = next((member.host for member in members if member.leader), members[0].host)
    return take_snapshot_on(cluster, host)


def take_snapshot_on(cluster: Cluster, host: str) -> Snapshot:
    """Let a host take and prove a snapshot of its member. Raises KprovError."""
    _require_program(cluster, host)
    output = try_command(cluster, host, program_line(cluster, host, "take --force"))
    if output.code != 0:
        lines = [line for line in output.stderr.splitlines() if line.strip()] or ["no error message"]
        raise HostError(host, f"the snapshot failed: {lines[-1].removeprefix('error: ')}")
    return Snapshot.from_record(host, json.loads(output.stdout))


def list_snapshots(cluster: Cluster, unreachable: dict[str, str]) -> list[Snapshot]:
    """Return the snapshots on all reachable etcd hosts, the oldest first."""
    hosts = [host for host in cluster.members("etcd") if host not in unreachable]

    def read_host(host: str) -> list[Snapshot]:
        _require_program(cluster, host)
        records = json.loads(run_command(cluster, host, program_line(cluster, host, "list")))
        return [Snapshot.from_record(host, record) for record in records]

    with ThreadPoolExecutor(max_workers=max(1, len(hosts))) as pool:
        found = [snapshot for snapshots in pool.map(read_host, hosts) for snapshot in snapshots]
    return sorted(found, key=lambda snapshot: (snapshot.time, snapshot.revision))


def choose_snapshot(snapshots: list[Snapshot], name: str) -> Snapshot:
    """Return the snapshot with this file name, or the newest one. Raises InputError."""
    if not snapshots:
        raise InputError("the hosts have no snapshots")
    if not name:
        return snapshots[-1]
    for snapshot in snapshots:
        if snapshot.file == name:
            return snapshot
    raise InputError(f"no host has a snapshot {name!r}; `kprov etcd snapshot list` shows all", field="--name")


def fetch_snapshot(cluster: Cluster, snapshot: Snapshot, target: Path) -> Path:
    """Copy a snapshot to a file or folder of this machine and check it; return the path.

    The file is as the host stores it if its name ends so (.gz, .age), otherwise it is decompressed.
    """
    path = target / snapshot.file if target.is_dir() else target
    make_folder(path.parent)
    source = f"{cluster.variables[snapshot.host].etcd_snapshot_folder}/{snapshot.file}"
    if snapshot.encrypted and path.suffix != ".age":
        raise InputError(
            "the snapshot is encrypted with age: choose a name that ends in .age",
            file=path,
            field="--output",
        )
    if path.suffix in (".gz", ".age"):
        fetch_file(cluster, snapshot.host, source, path, snapshot.sha256)
        return path
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".kprov-") as folder:
        packed = Path(folder) / snapshot.file
        fetch_file(cluster, snapshot.host, source, packed, snapshot.sha256)
        unpack_snapshot(packed, path)
    return path


def has_program(cluster: Cluster, host: str) -> bool:
    """Whether the role etcd_snapshots ran on the host."""
    return try_command(cluster, host, f"test -x {shlex.quote(_program_path(cluster, host))}").code == 0


def _program_path(cluster: Cluster, host: str) -> str:
    return f"{cluster.variables[host].bundle_root}/etcd/etcd_snapshot.py"


def _require_program(cluster: Cluster, host: str) -> None:
    if not has_program(cluster, host):
        path = _program_path(cluster, host)
        text = f"{path} is missing: run `kprov up` (with --tags etcd_snapshots nothing else is changed)"
        raise HostError(host, text)
