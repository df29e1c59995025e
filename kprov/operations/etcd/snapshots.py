"""`kprov etcd snapshot`: take a proven snapshot now; list those that the hosts' timers took, and get them.

The work on the host is that of the role etcd_snapshots (`roles/etcd_snapshots/files/etcd_snapshot.py`).
"""

from __future__ import annotations

import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kprov.errors import HostError, KprovError
from kprov.operations.cluster import Cluster
from kprov.operations.etcd.status import read_members
from kprov.operations.etcd.transfer import fetch_file
from kprov.operations.remote import run_command, try_command
from kprov.operations.unreachable_hosts import MissingHostsError


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a host. `time` and `proven` are seconds since 1970."""

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
        text = "no member of etcd serves in a quorum, so that no snapshot can be taken"
        if unreachable:
            lost = "; ".join(f"{host}: {reason}" for host, reason in unreachable.items())
            raise MissingHostsError(f"{text} ({lost})")
        raise KprovError(text)
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


@dataclass(frozen=True)
class HostSnapshots:
    """The snapshots in the folders of the etcd hosts. `unreachable`: the reason for each such host."""

    cluster: Cluster
    unreachable: dict[str, str]

    def list_snapshots(self) -> list[Snapshot]:
        """Return the snapshots on all reachable etcd hosts, the oldest first."""
        hosts = [host for host in self.cluster.members("etcd") if host not in self.unreachable]

        def read_host(host: str) -> list[Snapshot]:
            _require_program(self.cluster, host)
            records = json.loads(run_command(self.cluster, host, program_line(self.cluster, host, "list")))
            return [Snapshot.from_record(host, record) for record in records]

        with ThreadPoolExecutor(max_workers=max(1, len(hosts))) as pool:
            snapshots = [
                snapshot for host_snapshots in pool.map(read_host, hosts) for snapshot in host_snapshots
            ]
        return sorted(snapshots, key=lambda snapshot: (snapshot.time, snapshot.revision))

    def download(self, snapshot: Snapshot, target: Path) -> None:
        """Copy a snapshot to a new file with mode 0600 and check its sum. Raises HostError."""
        folder = self.cluster.variables[snapshot.host].etcd_snapshot_folder
        fetch_file(self.cluster, snapshot.host, f"{folder}/{snapshot.file}", target, snapshot.sha256)


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
