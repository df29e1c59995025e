"""Which hosts of the inventory are in the cluster: etcd's list and the API decide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kprov.operations.cluster import Cluster, open_cluster
from kprov.operations.etcd_members import Member
from kprov.operations.membership import Membership, find_absent

INVENTORY = """
all:
  vars: {ansible_connection: local, ansible_become: false, ansible_python_interpreter: python3}
  children:
    kube_control_plane: {hosts: {a: {ip: 192.0.2.1}, b: {ip: 192.0.2.2}, control: {ip: 192.0.2.6}}}
    etcd: {hosts: {a: , b: , c: {ip: 192.0.2.3}}}
    kube_node: {hosts: {a: , b: , d: {ip: 192.0.2.4, kube_override_hostname: d.example.org}}}
"""


@pytest.fixture(name="cluster")
def _cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    with open_cluster(tmp_path / "hosts.yml") as cluster:
        yield cluster


def member(name: str, address: str) -> Member:
    return Member(name, name, (f"https://{address}:2380",), ())


def test_a_host_that_neither_etcd_nor_the_api_knows_is_not_in_the_cluster(cluster: Cluster) -> None:
    # This machine has no API server, so the host with only a control plane is none, too.
    alone = Membership([member("a", "192.0.2.1")], frozenset({"a"}))
    assert find_absent(cluster, alone) == ["b", "control", "c", "d"]


def test_a_member_or_a_node_is_in_the_cluster(cluster: Cluster) -> None:
    # b is only a node, c has its member at its address under another name, d has another name as a node.
    members = [member("a", "192.0.2.1"), member("etcd-3", "192.0.2.3")]
    known = Membership(members, frozenset({"b", "d.example.org"}))
    assert find_absent(cluster, known) == ["control"]


def test_a_host_counts_as_long_as_nobody_knows(cluster: Cluster) -> None:
    assert find_absent(cluster, Membership(None, None)) == ["control"]
    assert find_absent(cluster, Membership([member("a", "192.0.2.1")], None)) == ["control", "c"]


def test_a_control_plane_host_that_does_not_answer_counts(cluster: Cluster) -> None:
    cluster.engine.unreachable_hosts = {"control": "timed out"}
    assert find_absent(cluster, Membership(None, None)) == []


def test_hosts_that_are_left_out_are_in_no_group(cluster: Cluster) -> None:
    cluster.engine.unreachable_hosts = {"b": "timed out"}
    cluster.leave_out(["b", "d"])
    assert cluster.members("kube_node", "etcd") == ["a", "c"]
    assert cluster.engine.unreachable_hosts == {}
    assert cluster.engine.host_variables("a")["groups"]["kube_node"] == ["a"]
