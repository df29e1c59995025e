"""The order in which an upgrade takes the hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.operations.cluster import open_cluster
from kprov.operations.upgrade.upgrade import order_batches

INVENTORY = """
all:
  vars: {ansible_connection: local}
  children:
    kube_control_plane: {hosts: {a: {ip: 192.0.2.1}, b: {ip: 192.0.2.2}, c: {ip: 192.0.2.3}}}
    etcd: {hosts: {a: , b: , e: {ip: 192.0.2.5}}}
    kube_node: {hosts: {c: , d: {ip: 192.0.2.4}}}
"""


@pytest.mark.parametrize(
    ("leader", "hosts", "batches"),
    [
        ("", "abcde", ["e", "a", "b", "c", "d"]),
        ("a", "abcde", ["e", "b", "c", "a", "d"]),
        ("e", "abcde", ["a", "b", "c", "e", "d"]),
        ("b", "acd", ["a", "c", "d"]),
    ],
)
def test_the_leader_of_etcd_is_the_last_of_its_hosts_and_workers_follow(
    tmp_path: Path, leader: str, hosts: str, batches: list[str]
) -> None:
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    with open_cluster(tmp_path / "hosts.yml") as cluster:
        found = order_batches(cluster, list(hosts), "1", leader)
    assert found == [[host] for host in batches]
