"""An inventory of kubespray's shape, as its sample has it, for the hosts of the lab: looked at and planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.lab.conftest import HOSTS, Cluster

GROUPS = """
[etcd:children]
kube_control_plane

[kube_node]
node1
node2
node3
"""
#: Of kubespray's sample, group_vars/k8s_cluster/k8s-cluster.yml.
VARIABLES = """
kube_config_dir: /etc/kubernetes
kube_cert_dir: "{{ kube_config_dir }}/ssl"
kube_network_plugin: calico
kube_proxy_mode: ipvs
cluster_name: cluster.local
dns_domain: "{{ cluster_name }}"
container_manager: containerd
metallb_enabled: false
"""


def written(cluster: Cluster, folder: Path) -> Path:
    """The lab's inventory in that shape, with the same keys and certificates."""
    described: dict[str, Any] = yaml.safe_load((cluster.lab.inventory / "hosts.yml").read_text())["all"]
    (folder / "group_vars" / "k8s_cluster").mkdir(parents=True)
    (folder / "group_vars" / "k8s_cluster" / "k8s-cluster.yml").write_text(VARIABLES)
    hosts = "".join(
        f"{name} ansible_host={cluster.lab.address(name)} ip={cluster.lab.address(name)} etcd_member_name=etcd{number}\n"
        for number, name in enumerate(HOSTS, 1)
    )
    variables = "".join(f"{name}={value!r}\n" for name, value in described["vars"].items())
    text = f"[kube_control_plane]\n{hosts}{GROUPS}\n[all:vars]\n{variables}"
    (folder / "inventory.ini").write_text(text)
    (folder / "artifacts").symlink_to(cluster.lab.inventory / "artifacts")
    return folder


def test_an_inventory_of_kubesprays_shape_is_understood_and_planned(cluster: Cluster, tmp_path: Path) -> None:
    inventory = written(cluster, tmp_path / "kubespray")
    checked = cluster.lab.kprov("inventory", "check", "-i", inventory)
    assert f"The inventory {inventory} is valid" in checked.stdout
    assert "pods are connected by kprov's own pod-network" in checked.stdout
    shown = cluster.lab.kprov("plan", "-i", inventory).stdout
    for host in HOSTS:
        assert f"\n{host}\n" in shown
    assert "/etc/kubernetes/ssl/apiserver.crt" in shown
    assert "+name: etcd1" in shown
    assert "one by one: 2 of 3 members keep running, 2 are needed" in shown
    assert "etcd1" not in cluster.lab.ssh("node1", "grep ^name: /etc/etcd/etcd.conf.yml")
