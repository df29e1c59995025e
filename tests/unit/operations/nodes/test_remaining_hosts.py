"""Which roles run on the other hosts when hosts come and go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kprov.operations.cluster import Cluster, open_cluster
from kprov.operations.nodes.remaining_hosts import list_remaining_hosts, list_tags

INVENTORY = """
all:
  vars: {ansible_connection: local}
  children:
    kube_control_plane: {hosts: {a: {ip: 192.0.2.1}}}
    etcd: {hosts: {a: , e: {ip: 192.0.2.2}, f: {ip: 192.0.2.3}}}
    kube_node: {hosts: {a: , w: {ip: 192.0.2.4}}}
"""


@pytest.fixture(name="cluster")
def _cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    with open_cluster(tmp_path / "hosts.yml") as cluster:
        yield cluster


@pytest.mark.parametrize(
    ("hosts", "tags"),
    [
        (["w"], ["proxy", "host"]),
        (["e"], ["proxy", "host", "kube_apiserver"]),
        (["a"], ["proxy", "host", "haproxy", "keepalived", "kube_apiserver"]),
        (["w", "e"], ["proxy", "host", "kube_apiserver"]),
    ],
)
def test_only_roles_whose_files_name_the_hosts(cluster: Cluster, hosts: list[str], tags: list[str]) -> None:
    assert list_tags(cluster, hosts) == tags


def test_a_host_that_the_inventory_lacks_may_have_been_anything(cluster: Cluster) -> None:
    assert list_tags(cluster, ["left"]) == list_tags(cluster, ["a"])


def test_hosts_that_do_not_answer_are_not_updated(cluster: Cluster) -> None:
    cluster.engine.unreachable_hosts = {"e": "no answer"}
    assert list_remaining_hosts(cluster, ["w"]) == ["a", "f"]
