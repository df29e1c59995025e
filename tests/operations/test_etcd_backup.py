"""The hosts' timer encrypts snapshots and copies them to a store, from which the cluster comes back."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.age_keys import AgeKey, install_age, make_key
from tests.lab.conftest import Cluster, eventually
from tests.object_store import ACCESS_KEY, SECRET_KEY, ObjectStore, run_object_store
from tests.operations.object_dump import dump_objects
from tests.operations.test_etcd import check_restored, make_objects

_FOLDER = "/var/lib/etcd-snapshots"
_AUTHORITY = "/etc/ssl/store-of-tests.crt"
#: How many snapshots a host keeps here.
_COUNT = 3


@dataclass(frozen=True)
class Backup:
    """A cluster with an encrypted backup in a store."""

    cluster: Cluster
    store: ObjectStore
    key: AgeKey
    other_key: AgeKey

    @property
    def where(self) -> tuple[str, Path]:
        return "-i", self.cluster.lab.inventory

    def configure(self, *extra: str) -> None:
        """Bring the variables of the snapshots to the hosts."""
        self.cluster.lab.kprov("up", "--tags", "etcd_snapshots", *self.where, *extra)

    def list_snapshots(self, *options: str) -> list[dict[str, Any]]:
        done = self.cluster.lab.kprov("etcd", "snapshot", "list", *options, *self.where, "--format", "json")
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def take(self) -> dict[str, Any]:
        """Take a snapshot."""
        done = self.cluster.lab.kprov("etcd", "snapshot", "take", *self.where, "--format", "json")
        taken: dict[str, Any] = json.loads(done.stdout)[0]
        return taken

    def store_new(self, host: str) -> None:
        """Run what the timer runs on a host, which copies new snapshots to the store."""
        self.cluster.lab.ssh(host, "systemctl start etcd-snapshot.service")


@pytest.fixture(scope="module")
def backup(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backup]:
    folder = tmp_path_factory.mktemp("backup")
    programs = install_age(folder)
    key, other = make_key(programs, folder / "one.key"), make_key(programs, folder / "two.key")
    lab = cluster.lab
    with run_object_store(folder, lab.numbered(1)) as store, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        patch.setenv("SSL_CERT_FILE", str(store.authority))
        authority = base64.b64encode(store.authority.read_bytes()).decode()
        for host in lab.hosts:
            lab.ssh(host, f"echo {authority} | base64 -d > {_AUTHORITY}")
        file = lab.inventory / "group_vars" / "etcd.yml"
        file.parent.mkdir(exist_ok=True)
        variables = {
            "etcd_snapshot_check_interval": "2s",
            "etcd_snapshot_retention_count": _COUNT,
            "etcd_snapshot_age_recipients": [key.recipient],
            "etcd_snapshot_s3_url": f"{store.url}/lab",
            "etcd_snapshot_s3_access_key": ACCESS_KEY,
            "etcd_snapshot_s3_secret_key": SECRET_KEY,
            "etcd_snapshot_s3_ca_file": _AUTHORITY,
        }
        file.write_text(yaml.safe_dump(variables))
        own = Backup(cluster, store, key, other)
        own.configure()
        yield own
        file.unlink()
        own.configure()
        for host in lab.hosts:
            lab.ssh(host, f"rm -f {_AUTHORITY}")


def test_the_timer_encrypts_a_snapshot_and_copies_it_to_the_store(backup: Backup) -> None:
    began = time.time()
    backup.configure("-e", "etcd_snapshot_interval=1s")
    stored = eventually(
        "the timer takes a snapshot and stores it",
        lambda: [one for one in backup.list_snapshots("--s3") if one["time"] > began],
        timeout=150,
        every=3,
    )
    backup.configure()
    newest = stored[-1]
    assert newest["encrypted"]
    assert newest["proven"] >= newest["time"]
    assert newest in backup.list_snapshots()
    head = backup.cluster.lab.ssh(newest["host"], f"head -c 21 {_FOLDER}/{newest['file']}")
    assert head == "age-encryption.org/v1"
    # The units of etcd's user have the keys of the store; others cannot read them.
    assert SECRET_KEY not in backup.cluster.lab.ssh(
        newest["host"], "runuser -u nobody -- cat /etc/etcd/*.json", check=False
    )


def test_the_cluster_comes_back_from_the_store(backup: Backup) -> None:
    cluster = backup.cluster
    make_objects(cluster, "from-the-store")
    taken = backup.take()
    backup.store_new(taken["host"])
    before = dump_objects(cluster)
    cluster.kubectl("delete", "namespace", "from-the-store", "--timeout=90s", timeout=120)
    command = ("etcd", "restore", "--s3", taken["file"], *backup.where, "--yes")
    refused = cluster.lab.kprov(*command, check=False)
    assert refused.returncode == 2
    assert "--identity: the snapshot is encrypted" in refused.stderr
    refused = cluster.lab.kprov(*command, "--identity", backup.other_key.file, check=False)
    assert refused.returncode == 2
    assert "no identity matched" in refused.stderr
    began = time.monotonic()
    done = cluster.lab.kprov(*command, "--identity", backup.key.file)
    sys.stdout.write(f"restore from the store: {time.monotonic() - began:.1f} s\n{done.stdout}\n")
    check_restored(cluster, before)


def test_the_operator_gets_copies_with_one_command(backup: Backup, tmp_path: Path) -> None:
    lab = backup.cluster.lab
    backup.store_new(backup.take()["host"])
    for options in ((), ("--s3",)):
        folder = tmp_path / f"copies{len(options)}"
        command = ("etcd", "snapshot", "fetch", "--all", "--keep", "2", "-o", folder, *options, *backup.where)
        found = [one["file"] for one in backup.list_snapshots(*options)]
        lab.kprov(*command)
        assert sorted(path.name for path in folder.iterdir()) == sorted(found[-2:])
        new = backup.take()
        backup.store_new(new["host"])
        done = lab.kprov(*command)
        # The test names the folder relative to another one.
        assert re.search(rf"removed \S+/{folder.name}/{re.escape(found[-2])}", done.stdout)
        assert sorted(path.name for path in folder.iterdir()) == sorted([found[-1], new["file"]])


def test_hosts_keep_so_many_snapshots_and_none_that_is_too_old(backup: Backup) -> None:
    lab = backup.cluster.lab
    for _ in range(_COUNT + 1):
        host = backup.take()["host"]
    files = [one["file"] for one in backup.list_snapshots() if one["host"] == host]
    assert len(files) == _COUNT
    # The oldest of them was taken 15 days ago.
    old = f"{_FOLDER}/{files[0]}.json"
    lab.ssh(host, f'sed -i \'s/"time": [0-9]*/"time": {int(time.time()) - 15 * 86400}/\' {old}')
    backup.configure("-e", "etcd_snapshot_retention_count=0")
    host_now = backup.take()["host"]
    backup.configure()
    assert host_now == host
    left = [one["file"] for one in backup.list_snapshots() if one["host"] == host]
    assert files[0] not in left
    assert files[1] in left


def test_verify_fails_when_the_last_proof_is_too_old(backup: Backup) -> None:
    lab = backup.cluster.lab
    backup.take()
    fresh = lab.kprov("verify", *backup.where, "--wait", "60")
    late = lab.kprov("verify", *backup.where, "-e", "etcd_snapshot_max_age=1s", "--wait", "0", check=False)
    assert "proven" in fresh.stdout
    assert late.returncode == 1
    assert "ago, more than 1 s" in late.stdout


def test_verify_warns_when_the_store_rejects_the_snapshots(backup: Backup) -> None:
    lab = backup.cluster.lab
    backup.configure("-e", "etcd_snapshot_s3_secret_key=a-key-that-was-revoked")
    done = lab.kprov("etcd", "snapshot", "take", *backup.where, "--format", "json")
    host = json.loads(done.stdout)[0]["host"]
    eventually(
        "the service fails",
        lambda: lab.ssh(host, "systemctl show -P Result etcd-snapshot").strip() == "exit-code",
        timeout=120,
        every=1,
    )
    status = lab.kprov("verify", *backup.where, "--wait", "60")
    assert "the last run failed (exit-code): journalctl -u etcd-snapshot" in status.stdout
    log = lab.ssh(host, "journalctl -u etcd-snapshot -n 50 --no-pager")
    assert "SignatureDoesNotMatch" in log
    assert "a-key-that-was-revoked" not in log
    backup.configure()
    eventually(
        "the next run stores it",
        lambda: lab.ssh(host, "systemctl show -P Result etcd-snapshot").strip() == "success",
        timeout=120,
        every=1,
    )
