"""A reset of single hosts is refused as long as the others count on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.cluster import Cluster, open_cluster
from kprov.operations.etcd_members import Member
from kprov.operations.membership import Membership
from kprov.operations.reset import refuse_present

INVENTORY = """
all:
  children:
    kube_control_plane: {hosts: {a: {ip: 192.0.2.1}, b: {ip: 192.0.2.2}}}
    etcd: {hosts: {a: , b: , c: }}
    kube_node: {hosts: {b: , c: {ip: 192.0.2.3}}}
"""
MEMBERS = [Member(name, name, (f"https://{address}:2380",), ()) for name, address in
           (("a", "192.0.2.1"), ("b", "192.0.2.2"))]  # fmt: skip
KNOWN = Membership(MEMBERS, frozenset({"b", "c"}))


@pytest.fixture(name="cluster")
def _cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    with open_cluster(tmp_path / "hosts.yml") as cluster:
        yield cluster


def limit(cluster: Cluster, hosts: str) -> Cluster:
    cluster.engine.options = replace(cluster.engine.options, limit=hosts)
    return cluster


@pytest.mark.parametrize(
    ("hosts", "text"),
    [
        (
            "b",
            "still in the cluster of a, c: b (a member of etcd and a node). `kprov node remove b` takes it",
        ),
        ("a,c", "b: a (a member of etcd), c (a node). `kprov node remove a c` takes them out first"),
    ],
)
def test_what_the_hosts_are_and_the_command_are_named(cluster: Cluster, hosts: str, text: str) -> None:
    with pytest.raises(InputError) as caught:
        refuse_present(limit(cluster, hosts), KNOWN)
    assert text in str(caught.value)
    assert str(caught.value).endswith("--force only takes members out of etcd, and resets")


def test_a_reset_of_hosts_that_left_or_of_all_hosts_is_not_refused(cluster: Cluster) -> None:
    refuse_present(limit(cluster, "c"), Membership(MEMBERS, frozenset({"b"})))
    refuse_present(limit(cluster, "c"), Membership(None, None))
    refuse_present(limit(cluster, "a,b,c"), KNOWN)
