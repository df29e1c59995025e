"""Variables that a running cluster keeps: refused by `plan` and `up`, by what the hosts say."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.conftest import HOSTS, Cluster

CHANGES: dict[str, tuple[str, Any]] = {
    "kube_pods_subnet": ("10.233.64.0/18", "10.99.0.0/16"),
    "kube_service_addresses": ("10.233.0.0/18", "10.98.0.0/16"),
    "kube_network_node_prefix": ("24", 25),
    "cluster_name": ("cluster.local", "other.example"),
}
FILES = (
    "cat /etc/systemd/system/kube*.service /etc/etcd/etcd.conf.yml /var/lib/kubelet/config.yaml | sha256sum"
)


def changed(cluster: Cluster, folder: Path, **values: Any) -> Path:
    """The inventory with what belongs to it, and other values."""
    shutil.copytree(cluster.lab.inventory, folder)
    document = yaml.safe_load((folder / "hosts.yml").read_text())
    document["all"]["vars"] |= values
    (folder / "hosts.yml").write_text(yaml.safe_dump(document))
    return folder


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_network_is_refused_before_anything_changes(
    cluster: Cluster, tmp_path: Path, name: str
) -> None:
    old, new = CHANGES[name]
    inventory = changed(cluster, tmp_path / "i", **{name: new})
    before = [cluster.lab.ssh(host, FILES) for host in HOSTS]
    for command in ("plan", "up"):
        done = cluster.lab.kprov(command, "-i", inventory, check=False)
        assert done.returncode == 2, done.stderr
        assert f"{inventory}/hosts.yml:" in done.stderr
        assert f"{name}: the cluster runs with {old} (" in done.stderr
        assert f"the inventory has {new}" in done.stderr
    assert [cluster.lab.ssh(host, FILES) for host in HOSTS] == before


@pytest.mark.parametrize("name", ["pki", "pki/etcd-ca.crt"])
def test_a_lost_authority_is_refused_before_anything_changes(
    cluster: Cluster, tmp_path: Path, name: str
) -> None:
    inventory = changed(cluster, tmp_path / "i")
    lost = inventory / "artifacts" / name
    if lost.is_dir():
        shutil.rmtree(lost)
    else:
        lost.unlink()
        lost.with_suffix(".key").unlink()
    before = [cluster.lab.ssh(host, FILES) for host in HOSTS]
    done = cluster.lab.kprov("up", "-i", inventory, check=False)
    assert done.returncode == 2, done.stderr
    assert "is missing, but the cluster runs with /etc/" in done.stderr
    assert not lost.exists()
    assert [cluster.lab.ssh(host, FILES) for host in HOSTS] == before


def test_it_is_refused_while_the_api_is_down_and_the_right_inventory_brings_the_api_back(
    cluster: Cluster, tmp_path: Path
) -> None:
    for host in HOSTS:
        cluster.lab.ssh(host, "systemctl stop kube-apiserver")
    inventory = changed(cluster, tmp_path / "i", kube_pods_subnet="10.99.0.0/16")
    done = cluster.lab.kprov("up", "-i", inventory, check=False)
    assert done.returncode == 2
    assert "kube_pods_subnet: the cluster runs with 10.233.64.0/18" in done.stderr
    cluster.lab.kprov("up", "-i", cluster.lab.inventory)
    assert len(cluster.get("nodes")["items"]) == len(HOSTS)
