"""Snapshots in the S3-compatible store of the variable etcd_snapshot_s3_url. Needs no host of the cluster.

The requests are those of the role etcd_snapshots (`roles/etcd_snapshots/files/etcd_snapshot_store.py`), which
runs on this machine here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kprov.content.locations import ROLES
from kprov.errors import InputError, KprovError
from kprov.operations.cluster import Cluster
from kprov.operations.etcd.snapshot_copies import choose_snapshot
from kprov.operations.etcd.snapshots import Snapshot
from kprov.pki.files import make_folder

PROGRAM = ROLES / "etcd_snapshots" / "files" / "etcd_snapshot_store.py"
#: The word for the newest snapshot where a name is expected.
NEWEST = "newest"


@dataclass(frozen=True)
class StoreSnapshots:
    """The snapshots of a store. `config`: URL and keys, as the hosts have them."""

    config: dict[str, str]

    def list_snapshots(self) -> list[Snapshot]:
        """Return the snapshots that are complete, the oldest first. Raises KprovError."""
        records: list[dict[str, Any]] = json.loads(self._run("list"))
        try:
            return [Snapshot.from_record(record["host"], record) for record in records]
        except KeyError as error:
            raise KprovError(f"{self.config['url']}: a record has no field {error}") from None

    def download(self, snapshot: Snapshot, target: Path) -> None:
        """Copy a snapshot to a new file with mode 0600 and check its sum. Raises KprovError."""
        self._run("get", snapshot.file, str(target))

    def _run(self, *arguments: str) -> str:
        # The keys go through standard input: other users see the arguments of a process.
        command = [sys.executable, "-I", str(PROGRAM), "--config=-", *arguments]
        done = subprocess.run(
            command, input=json.dumps(self.config), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no error message"]
            raise KprovError(lines[-1].removeprefix("error: "))
        return done.stdout


def open_store(cluster: Cluster) -> StoreSnapshots:
    """Return the store of the cluster. Raises InputError without one."""
    hosts = cluster.members("etcd")
    if not hosts:
        raise InputError("the group etcd has no hosts", file=cluster.engine.inventory.path)
    variables = cluster.variables[hosts[0]]
    config = {
        "url": variables.etcd_snapshot_s3_url,
        "region": variables.etcd_snapshot_s3_region,
        "access_key": variables.etcd_snapshot_s3_access_key,
        "secret_key": variables.etcd_snapshot_s3_secret_key,
    }
    for name, value in config.items():
        if not value:
            text = "is not set, and --s3 needs it"
            raise InputError(text, file=cluster.engine.inventory.path, field=f"etcd_snapshot_s3_{name}")
    return StoreSnapshots(config)


def fetch_for_restore(cluster: Cluster, name: str) -> Path:
    """Copy a snapshot of the store into artifacts/snapshots/, unless it is there; return its path."""
    source = open_store(cluster)
    snapshot = choose_snapshot(source.list_snapshots(), "" if name == NEWEST else name)
    path = cluster.artifacts / "snapshots" / snapshot.file
    make_folder(path.parent)
    if not path.exists():
        source.download(snapshot, path)
    return path
