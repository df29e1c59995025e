"""Hosts that cannot be removed, and what happens to their keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kprov.errors import InputError, PreflightError
from kprov.operations.cluster import Cluster, open_cluster
from kprov.operations.nodes.remove import (
    check_reachable,
    check_remaining,
    find_lost_tolerance,
    list_drained,
    make_keys_phase,
)
from kprov.operations.nodes.state import Target, make_target
from kprov.operations.phases import Memory, OperationContext
from kprov.playbook.results.run_result import RunOptions, SilentCallbacks

INVENTORY = """
all:
  vars: {ansible_connection: local}
  children:
    kube_control_plane: {hosts: {a: {ip: 192.0.2.1}, b: {ip: 192.0.2.2}}}
    etcd: {hosts: {a: , b: , c: {ip: 192.0.2.3}}}
    kube_node: {hosts: {c: , d: {ip: 192.0.2.4}}}
"""


@pytest.fixture(name="cluster")
def _cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    with open_cluster(tmp_path / "hosts.yml") as cluster:
        yield cluster


def make_context(cluster: Cluster, said: list[str], **arguments: object) -> OperationContext:
    return OperationContext(cluster, arguments, RunOptions(), SilentCallbacks(), said.append, Memory({}))


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        (["a", "b", "c"], "kube_control_plane would have no host left"),
        (["a", "b"], "kube_control_plane would have no host left"),
        (["c", "d"], "kube_node would have no host left"),
        (["d"], ""),
        (["b", "c"], ""),
    ],
)
def test_the_inventory_must_remain_one_of_a_cluster(cluster: Cluster, hosts: list[str], reason: str) -> None:
    if not reason:
        check_remaining(cluster, hosts)
        return
    with pytest.raises(InputError, match=reason):
        check_remaining(cluster, hosts)


@pytest.mark.parametrize(
    ("members", "leaving", "accepted", "reason"),
    [
        ("abc", "c", True, r"etcd would have 2 members \(a, b\), which tolerate no more failures than 1"),
        ("abc", "bc", False, r"1 of 3 members \(a\), and the cluster would not survive .* tolerates 1 now"),
        ("abc", "bc", True, ""),
        ("abcde", "de", False, ""),
        ("abcde", "bcde", False, "--without-fault-tolerance"),
        ("abcd", "d", False, ""),
        ("ab", "b", False, ""),
        ("abc", "", False, ""),
        ("abc", "abc", False, ""),
    ],
)
def test_losing_the_fault_tolerance_needs_a_confirmation_of_its_own(
    members: str, leaving: str, reason: str, *, accepted: bool
) -> None:
    found = find_lost_tolerance(list(members), list(leaving), accepted=accepted)
    assert bool(found) == bool(reason)
    assert re.search(reason, found)


def test_a_host_that_does_not_answer_is_removed_only_if_the_user_says_that_it_is_off(
    cluster: Cluster,
) -> None:
    cluster.engine.unreachable_hosts = {"d": "timed out"}
    with pytest.raises(PreflightError, match=r"d: does not answer \(timed out\).*--unreachable"):
        check_reachable(make_context(cluster, []), ["d"])
    check_reachable(make_context(cluster, [], unreachable=True), ["d"])


def test_a_host_that_does_not_answer_is_not_drained(cluster: Cluster) -> None:
    cluster.engine.unreachable_hosts = {"d": "timed out"}
    # Without asking the API, which has not noticed yet.
    assert list_drained(cluster, [make_target(cluster, "d")]) == []


def test_the_keys_go_and_the_user_learns_where_the_inventory_names_the_host(
    cluster: Cluster, tmp_path: Path
) -> None:
    said: list[str] = []
    phase = make_keys_phase(make_context(cluster, said), make_target(cluster, "d"))
    assert phase.plan() == []
    folder = tmp_path / "artifacts/pki/hosts/d"
    folder.mkdir(parents=True)
    (folder / "kubelet.key").write_text("secret")
    assert phase.plan() == [f"delete {folder}"]
    phase.run()
    assert not folder.exists()
    (text,) = said
    assert "delete d from the inventory" in text
    assert f"{tmp_path}/hosts.yml:7" in text


def test_keys_of_a_host_that_left_the_inventory_go_too(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "artifacts/pki/hosts/gone"
    folder.mkdir(parents=True)
    said: list[str] = []
    make_keys_phase(make_context(cluster, said), Target("gone", "", "gone", "gone")).run()
    assert (folder.exists(), said) == (False, [])
