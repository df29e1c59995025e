"""A snapshot brings back what was deleted, what all members lost, and a cluster whose machines are all gone."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kprov.operations.etcd.snapshot_content import read_snapshot
from tests.lab.conftest import KPROV, Cluster, Lab, eventually, run
from tests.lab.prober import Prober
from tests.operations.object_dump import Dump, describe_differences, dump_objects

#: How often kprov is killed during a restore.
KILLS = 5
_DATA = "/var/lib/etcd"


def make_objects(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=90s", timeout=120)
    cluster.kubectl("create", "namespace", namespace)
    for number in range(20):
        cluster.kubectl("-n", namespace, "create", "configmap", f"cm-{number}", f"--from-literal=x={number}")
    cluster.kubectl("-n", namespace, "create", "secret", "generic", "key", "--from-literal=password=geheim")
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "robot")
    cluster.kubectl(
        "-n", namespace, "create", "role", "reader", "--verb=get,list,watch", "--resource=configmaps"
    )
    eventually(
        "the namespace is complete",
        lambda: cluster.kubectl("-n", namespace, "get", "serviceaccount", "default", check=False),
    )


def take_snapshot(cluster: Cluster, folder: Path) -> Path:
    """Take a snapshot and copy it to this machine, as an operator does."""
    before = set(folder.glob("etcd-*"))
    cluster.lab.kprov("etcd", "snapshot", "take", "-i", cluster.lab.inventory, "-o", folder)
    (taken,) = set(folder.glob("etcd-*")) - before
    return taken


def restore(cluster: Cluster, snapshot: Path, *arguments: str) -> str:
    """Run a restore and print its time and the longest gap of the API."""
    prober = Prober(cluster.kubeconfig)
    prober.start()
    began = time.monotonic()
    done = cluster.lab.kprov(
        "etcd", "restore", snapshot, "-i", cluster.lab.inventory, "--yes", *arguments, timeout=1800
    )
    seconds, gap = time.monotonic() - began, prober.finish()
    sys.stdout.write(f"restore: {seconds:.1f} s, longest gap of the API {gap:.1f} s\n{done.stdout}\n")
    return done.stdout


def read_status(lab: Lab) -> dict[str, Any]:
    done = lab.kprov("etcd", "status", "-i", lab.inventory, "-o", "json", check=False)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def check_restored(cluster: Cluster, before: Dump) -> None:
    """Compare all objects. Controllers need a moment for what they correct after the restore."""

    def find_same() -> bool:
        found = describe_differences(before, dump_objects(cluster))
        assert found == []
        return True

    eventually("all objects are those of the snapshot", find_same, timeout=180, every=5)
    assert read_status(cluster.lab)["problems"] == []
    for host in cluster.lab.hosts:
        assert cluster.lab.ssh(host, f"ls -A {_DATA}").split() == ["member"]
    cluster.lab.kprov("verify", "-i", cluster.lab.inventory, "--wait", "180")


def test_a_mistaken_deletion_is_undone(cluster: Cluster, tmp_path: Path) -> None:
    make_objects(cluster, "precious")
    snapshot = take_snapshot(cluster, tmp_path)
    before = dump_objects(cluster)
    cluster.kubectl("delete", "namespace", "precious", "--timeout=90s", timeout=120)
    cluster.kubectl("create", "configmap", "after-the-snapshot", "--from-literal=x=y")
    plan = cluster.lab.kprov("etcd", "restore", snapshot, "-i", cluster.lab.inventory, "--plan").stdout
    assert "configmaps: 21 restored (precious/cm-0, " in plan
    assert "1 removed (default/after-the-snapshot)" in plan
    assert "namespaces: 1 restored (precious)" in plan
    assert cluster.kubectl("get", "configmap", "after-the-snapshot", "-o", "name").strip()
    output = restore(cluster, snapshot)
    check_restored(cluster, before)
    assert cluster.kubectl_run("get", "configmap", "after-the-snapshot", check=False).returncode == 1
    # The state of before the restore was saved.
    listed = cluster.lab.kprov("etcd", "snapshot", "list", "-i", cluster.lab.inventory, "--format", "json")
    assert len([entry for entry in json.loads(listed.stdout) if entry["file"] in output]) == 2
    cluster.kubectl("delete", "configmap", "writes-work", "--ignore-not-found")
    cluster.kubectl("create", "configmap", "writes-work", "--from-literal=x=y")
    cluster.kubectl("delete", "configmap", "writes-work")


def test_all_members_lose_their_data(cluster: Cluster, tmp_path: Path) -> None:
    make_objects(cluster, "all-lost")
    snapshot = take_snapshot(cluster, tmp_path)
    before = dump_objects(cluster)
    for host in cluster.lab.hosts:
        cluster.lab.ssh(host, f"systemctl kill -s KILL etcd; rm -rf {_DATA}/*")
    for host in cluster.lab.hosts:
        wait_for_refusal(cluster.lab, host)
    assert not any(member["id"] for member in read_status(cluster.lab)["members"])
    refused = cluster.lab.kprov("up", "-i", cluster.lab.inventory, "--tags", "etcd", check=False)
    assert refused.returncode != 0
    assert "restore a snapshot with `kprov etcd restore`" in " ".join(
        (refused.stdout + refused.stderr).split()
    )
    restore(cluster, snapshot)
    check_restored(cluster, before)


def wait_for_refusal(lab: Lab, host: str) -> None:
    """Until the unit of etcd says that its data is missing."""
    words = f"{_DATA}/member is missing, and this member of etcd had data"
    eventually(
        "the unit refuses to start",
        lambda: words in lab.ssh(host, "journalctl -u etcd --since=-3s -o cat"),
    )


def test_a_member_whose_disk_is_missing_serves_again_with_its_disk(cluster: Cluster) -> None:
    lab = cluster.lab
    before = {member["host"]: member["id"] for member in read_status(lab)["members"]}
    lab.ssh("node2", f"systemctl kill -s KILL etcd; mv {_DATA}/member {_DATA}/elsewhere")
    wait_for_refusal(lab, "node2")
    assert lab.ssh("node2", f"ls {_DATA}").split() == ["elsewhere"]
    lab.ssh("node2", f"mv {_DATA}/elsewhere {_DATA}/member")
    eventually("the member serves", lambda: not read_status(lab)["problems"])
    assert {member["host"]: member["id"] for member in read_status(lab)["members"]} == before


def kill_after(command: tuple[str | Path, ...], seconds: float) -> str:
    """Run kprov and kill it so long after its first phase began. Return its last phase; "" if it ended before."""
    program = [str(word) for word in (KPROV, *command)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        phases = [next(line for line in process.stdout if line.startswith("["))]
        reader = threading.Thread(
            target=lambda: phases.extend(line for line in process.stdout or () if line.startswith("["))
        )
        reader.start()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        reader.join()
    assert process.returncode in (0, -signal.SIGKILL)
    return phases[-1].strip() if process.returncode else ""


@pytest.mark.parametrize("seed", [1, 2])
def test_a_restore_that_is_killed_is_resumed(cluster: Cluster, tmp_path: Path, seed: int) -> None:
    namespace = f"killed-{seed}"
    make_objects(cluster, namespace)
    snapshot = take_snapshot(cluster, tmp_path)
    before = dump_objects(cluster)
    cluster.kubectl("delete", "namespace", namespace, "--timeout=90s", timeout=120)
    chosen = random.Random(seed)
    where = ("-i", cluster.lab.inventory)
    command: tuple[str | Path, ...] = ("etcd", "restore", snapshot, "--yes", *where)
    began = time.monotonic()
    for _ in range(KILLS):
        # A restore takes at least 25 s: it is not complete before the last kill.
        seconds = round(chosen.uniform(0, 25 / KILLS), 1)
        phase = kill_after(command, seconds)
        assert phase, "the restore ended before it was killed"
        sys.stdout.write(f"killed {seconds} s after its first phase, in {phase}\n")
        command = ("resume", *where)
    cluster.lab.kprov(*command, timeout=1800)
    sys.stdout.write(f"restore with {KILLS} kills: {time.monotonic() - began:.1f} s\n")
    check_restored(cluster, before)


def test_a_resumed_restore_saves_what_was_written_since_it_was_killed(
    cluster: Cluster, tmp_path: Path
) -> None:
    make_objects(cluster, "resumed")
    snapshot = take_snapshot(cluster, tmp_path)
    where = cluster.lab.words("-i", cluster.lab.inventory)
    program = [str(word) for word in (KPROV, "etcd", "restore", snapshot, "--yes", *where)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=cluster.lab.directory) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("[2/"))
        process.kill()
    cluster.kubectl("create", "configmap", "between-kill-and-resume", "--from-literal=x=y")
    resumed = cluster.lab.kprov("resume", "-i", cluster.lab.inventory)
    saved = re.findall(r"(etcd-\S+\.db\.gz) \(revision", resumed.stdout)[0]
    cluster.lab.kprov(
        "etcd", "snapshot", "fetch", "--name", saved, "-o", tmp_path, "-i", cluster.lab.inventory
    )
    content = read_snapshot(tmp_path / saved, None, tmp_path)
    assert b"/registry/configmaps/default/between-kill-and-resume" in content.keys
    for host in cluster.lab.hosts:
        assert cluster.lab.ssh(host, f"ls -A {_DATA}").split() == ["member"]


def test_a_snapshot_whose_encryption_key_is_gone_is_refused_in_the_plan(
    cluster: Cluster, tmp_path: Path
) -> None:
    make_objects(cluster, "rotated")
    snapshot = take_snapshot(cluster, tmp_path)
    cluster.lab.kprov("secrets", "rotate-key", "-i", cluster.lab.inventory)
    where = ("-i", cluster.lab.inventory)
    for options in (("--plan",), ("--yes",)):
        refused = cluster.lab.kprov("etcd", "restore", snapshot, *options, *where, check=False)
        assert refused.returncode == 2
        assert re.search(
            r"the snapshot has \d+ secrets encrypted with key\d+, and this file has only", refused.stderr
        )
        assert "`kprov up --tags kube_apiserver`" in refused.stderr


def test_a_member_with_damaged_data_is_replaced(cluster: Cluster) -> None:
    cluster.lab.ssh(
        "node2",
        f"systemctl stop etcd; dd if=/dev/zero of={_DATA}/member/snap/db bs=4096 count=4 conv=notrunc; "
        "systemctl start --no-block etcd",
    )
    problems = eventually("the member fails", lambda: read_status(cluster.lab)["problems"])
    assert problems[0].startswith("node2: ")
    where = ("-i", cluster.lab.inventory, "--yes")
    prober = Prober(cluster.kubeconfig)
    prober.start()
    began = time.monotonic()
    done = cluster.lab.kprov("etcd", "replace", "node2", *where)
    seconds, gap = time.monotonic() - began, prober.finish()
    sys.stdout.write(f"replace: {seconds:.1f} s, longest gap of the API {gap:.1f} s\n{done.stdout}\n")
    status = read_status(cluster.lab)
    assert status["problems"] == []
    assert len({member["id"] for member in status["members"]}) == len(cluster.lab.hosts)


def test_three_new_machines_get_the_cluster_from_inventory_artifacts_and_snapshot(
    cluster: Cluster, tmp_path: Path
) -> None:
    make_objects(cluster, "new-machines")
    snapshot = take_snapshot(cluster, tmp_path)
    before = dump_objects(cluster)
    lab = cluster.lab
    addresses = lab.address("node1"), lab.numbered(0)
    kept = tmp_path / "inventory"
    shutil.copytree(lab.inventory, kept)
    lab.kprov("lab", "down", "--name", lab.name)
    up = ("lab", "up", "--name", lab.name, "--subnet", f"{addresses[1]}/24", "--hosts", str(len(lab.hosts)))
    run(KPROV, *up, "--inventory", tmp_path / "other", timeout=900)
    # The journal is not needed: an operator keeps the keys.
    shutil.rmtree(lab.inventory / "artifacts" / "journal")
    for command in (("up",), ("up", "--check"), ("plan",)):
        refused = lab.kprov(*command, "-i", lab.inventory, check=False)
        assert refused.returncode == 2, refused.stdout + refused.stderr
        assert "node1, node2, node3 have nothing of the cluster that exists since" in refused.stderr
        assert "`kprov etcd restore FILE -i" in refused.stderr
    restore(cluster, snapshot)
    check_restored(cluster, before)
    secret = cluster.get("secret", "key", "-n", "new-machines")
    assert secret["data"] == {"password": "Z2VoZWlt"}
