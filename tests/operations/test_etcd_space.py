"""etcd without space: the quota of its database, and the disk of a member."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import Cluster, eventually
from tests.operations.object_dump import dump_objects
from tests.operations.test_etcd import check_restored, read_status, restore, take_snapshot

_DATA = "/var/lib/etcd"
_QUOTA = 24 << 20


@pytest.fixture
def small_quota(cluster: Cluster) -> Iterator[None]:
    """The members with a small quota."""
    tags = ("--tags", "etcd", "-i", cluster.lab.inventory)
    cluster.lab.kprov("up", *tags, "-e", f"etcd_quota_backend_bytes={_QUOTA}")
    yield
    cluster.lab.kprov("up", *tags)


def fill(cluster: Cluster, tmp_path: Path) -> str:
    """Write large config maps until the API refuses one; return the reason."""
    for number in range(200):
        # With its label in one write: any other may be the one that is refused.
        metadata = {"name": f"large-{number}", "labels": {"kprov-test": "large"}}
        file = tmp_path / "large.json"
        file.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": metadata,
                    "data": {"large": "x" * 900_000},
                }
            )
        )
        done = cluster.kubectl_run("create", "-f", str(file), check=False)
        if done.returncode != 0:
            return done.stderr
    pytest.fail("200 config maps fit")


def test_a_full_database_is_found_and_repaired(cluster: Cluster, small_quota: None, tmp_path: Path) -> None:
    where = ("-i", cluster.lab.inventory)
    reason = fill(cluster, tmp_path)
    assert "database space exceeded" in reason
    status = cluster.lab.kprov("etcd", "status", *where, check=False)
    assert status.returncode == 1
    assert "alarm NOSPACE" in status.stderr
    refused = cluster.lab.kprov("etcd", "disarm", *where, check=False)
    assert refused.returncode == 1
    assert "of the quota of 24.0 MiB" in refused.stderr
    # etcd accepts deletions.
    cluster.kubectl("delete", "configmap", "-l", "kprov-test=large", timeout=180)
    began = time.monotonic()
    cluster.lab.kprov("etcd", "defrag", *where)
    sys.stdout.write(f"defrag of a full etcd: {time.monotonic() - began:.1f} s\n")
    status = cluster.lab.kprov("etcd", "status", *where)
    assert "NOSPACE" not in status.stdout
    cluster.kubectl("create", "configmap", "fits-again", "--from-literal=x=y")
    cluster.kubectl("delete", "configmap", "fits-again")


def test_a_restore_ends_the_alarm_for_space(cluster: Cluster, small_quota: None, tmp_path: Path) -> None:
    before = take_snapshot(cluster, tmp_path)
    objects = dump_objects(cluster)
    fill(cluster, tmp_path)
    # etcd has space for the objects that are left, but the alarm is active.
    cluster.kubectl("delete", "configmap", "-l", "kprov-test=large", timeout=180)
    with_alarm = take_snapshot(cluster, tmp_path)
    assert (
        "alarm NOSPACE"
        in cluster.lab.kprov("etcd", "status", "-i", cluster.lab.inventory, check=False).stderr
    )
    output = restore(cluster, before)
    assert "Save the present state" in output
    check_restored(cluster, objects)
    output = restore(cluster, with_alarm)
    assert "the snapshot has the alarm NOSPACE" in output
    check_restored(cluster, objects)
    cluster.kubectl("create", "configmap", "fits-again", "--from-literal=x=y")
    cluster.kubectl("delete", "configmap", "fits-again")


@pytest.fixture
def small_disk(cluster: Cluster) -> Iterator[str]:
    """A member whose data is on a disk of 300 MiB."""
    host = "node3"
    cluster.lab.ssh(
        host,
        f"set -e; systemctl stop etcd; mv {_DATA}/member /var/lib/member.aside; "
        f"mount -t tmpfs -o size=300m,mode=700,uid=$(id -u etcd),gid=$(id -g etcd) tmpfs {_DATA}; "
        f"cp -a /var/lib/member.aside {_DATA}/member; rm -r /var/lib/member.aside; systemctl start etcd",
    )
    yield host
    cluster.lab.ssh(
        host,
        f"set -e; systemctl stop etcd; cp -a {_DATA}/member /var/lib/member.aside; umount {_DATA}; "
        f"mv /var/lib/member.aside {_DATA}/member; systemctl start etcd",
        timeout=120,
    )


def test_the_cluster_serves_while_a_members_disk_is_full(cluster: Cluster, small_disk: str) -> None:
    eventually("all members serve", lambda: not read_status(cluster.lab)["problems"])
    cluster.lab.ssh(small_disk, f"dd if=/dev/zero of={_DATA}/filler bs=1M 2>/dev/null; true")
    # The member needs a new segment of its log, which is preallocated.
    cluster.lab.ssh(small_disk, "systemctl restart --no-block etcd")
    for number in range(50):
        cluster.kubectl("create", "configmap", f"full-{number}", "--from-literal=x=y")
    snapshots = cluster.lab.kprov("etcd", "snapshot", "take", "-i", cluster.lab.inventory, check=False)
    assert snapshots.returncode == 0
    cluster.lab.ssh(small_disk, f"rm {_DATA}/filler")
    eventually("the member serves again", lambda: not read_status(cluster.lab)["problems"], timeout=120)
    for number in range(50):
        cluster.kubectl("delete", "configmap", f"full-{number}", "--wait=false")
