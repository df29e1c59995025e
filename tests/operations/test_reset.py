"""A reset of a member of etcd says what it costs the others, keeps their quorum, and `kprov up` brings the host back."""

from __future__ import annotations

import subprocess

from tests.lab.conftest import KPROV, Cluster, eventually, run
from tests.operations.load import load
from tests.operations.test_nodes import list_members, list_nodes, verify


def reset(cluster: Cluster, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return run(KPROV, "reset", "-i", cluster.lab.inventory, "-l", "node3", *words, check=False, stdin=stdin)


def test_a_member_of_etcd_is_reset_only_with_its_consequences_named(cluster: Cluster) -> None:
    before = list_members(cluster)
    refused = reset(cluster, "--yes")
    assert (refused.returncode, "`kprov node remove node3`" in refused.stderr) == (2, True)
    asked = reset(cluster, "--force", stdin="n\n")
    assert asked.returncode != 0
    assert (
        "node3 leaves etcd first. It then has 2 of 3 members, which tolerate no failures instead of 1."
        in asked.stdout
    )
    assert "node3 stays a node of the cluster" in asked.stdout
    assert list_members(cluster) == before


def test_a_lost_quorum_is_refused_before_anything_is_changed(cluster: Cluster) -> None:
    before = list_members(cluster)
    cluster.lab.ssh("node1", "systemctl stop etcd")
    try:
        for words in (("--force", "--yes"), ("--force", "--yes", "--check")):
            refused = reset(cluster, *words)
            assert refused.returncode == 2
            text = " ".join(refused.stderr.split())
            assert "without node3 etcd has no quorum: 1 of 2 members would be healthy, 2 are needed" in text
            assert "--without-quorum accepts that" in text
        cluster.lab.ssh("node2", "systemctl stop etcd")
        refused = reset(cluster, "--yes")
        assert refused.returncode == 2
        text = " ".join(refused.stderr.split())
        assert "etcd has no quorum now, and the data of node3 may be needed to regain it" in text
    finally:
        cluster.lab.ssh("node2", "systemctl start --no-block etcd")
        cluster.lab.ssh("node1", "systemctl start --no-block etcd")
    eventually("etcd serves again", lambda: list_members(cluster) == before)
    verify(cluster)


def test_the_member_leaves_and_up_brings_the_host_back_under_load(cluster: Cluster) -> None:
    before = list_members(cluster)
    with load(cluster.kubeconfig, "reset"):
        done = reset(cluster, "--force", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert set(list_members(cluster)) == {"node1", "node2"}
        assert "node3" in list_nodes(cluster)
        cluster.lab.kprov("up", "-i", cluster.lab.inventory, timeout=1200)
    after = list_members(cluster)
    assert set(after) == set(before)
    assert after["node3"] != before["node3"]
    verify(cluster)
