"""A host that left the inventory is still in the cluster: `plan`, `up` and `verify` name it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.lab.conftest import HOSTS, Cluster


@pytest.fixture(name="smaller")
def _smaller(cluster: Cluster, tmp_path: Path) -> Path:
    """The cluster's inventory, keys and all, without node3; etcd keeps node1 alone, as it wants odd numbers."""
    folder = tmp_path / "i"
    shutil.copytree(cluster.lab.inventory, folder)
    document = yaml.safe_load((folder / "hosts.yml").read_text())
    everything = document["all"]
    del everything["hosts"]["node3"]
    for group in ("kube_control_plane", "kube_node"):
        del everything["children"][group]["hosts"]["node3"]
    everything["children"]["etcd"]["hosts"] = {"node1": None}
    (folder / "hosts.yml").write_text(yaml.safe_dump(document))
    return folder


def test_a_plan_names_it(cluster: Cluster, smaller: Path) -> None:
    done = cluster.lab.kprov("plan", "--summary", "-i", smaller)
    address = cluster.lab.address("node3")
    said = f"node3 is a node and a member of etcd ({address}) of the cluster, but not in the inventory's kube_node and etcd"
    assert said in done.stderr
    assert f"node2 is a member of etcd ({cluster.lab.address('node2')}) of the cluster" in done.stderr
    assert f"node3 stays a node and a member of etcd ({address})" in done.stdout


def test_a_verification_fails_for_it(cluster: Cluster, smaller: Path) -> None:
    done = cluster.lab.kprov("verify", "--no-probe", "-i", smaller, check=False)
    assert done.returncode == 1
    assert "node3" in done.stdout
    assert "a node and a member of etcd" in done.stdout


def test_a_limit_makes_no_unlisted_host(cluster: Cluster) -> None:
    done = cluster.lab.kprov("verify", "--no-probe", "-i", cluster.lab.inventory, "-l", HOSTS[0])
    assert "0 failed" in done.stdout
