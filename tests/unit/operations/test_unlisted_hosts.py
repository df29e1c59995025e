"""Hosts that are in the cluster and not in the inventory."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.cli.commands import plan as shown
from kprov.operations.plan import Plan
from kprov.operations.running_cluster import RunningCluster, parse_etcd_members
from kprov.operations.unlisted_hosts import UnlistedHost, compare_names

KNOWN = {"nodes": ["a", "b"], "addresses": ["192.0.2.1", "192.0.2.2"]}


def test_nodes_are_known_by_their_names_and_members_of_etcd_by_their_addresses() -> None:
    running = RunningCluster(
        {}, {"a": "", "c": ""}, None, {"renamed": "192.0.2.1", "c": "192.0.2.3", "d": "192.0.2.4"}
    )
    assert compare_names(running, **KNOWN) == [
        UnlistedHost("c", True, "192.0.2.3"),
        UnlistedHost("d", False, "192.0.2.4"),
    ]


@pytest.mark.parametrize(
    "running", [RunningCluster(), RunningCluster({}, {"a": ""}, None, {"b": "192.0.2.2"})]
)
def test_a_cluster_that_is_as_the_inventory_or_does_not_answer_has_none(running: RunningCluster) -> None:
    assert compare_names(running, **KNOWN) == []


def test_a_member_that_never_started_is_called_by_its_address() -> None:
    members: list[dict[str, Any]] = [
        {"name": "a", "peerURLs": ["https://192.0.2.1:2380"]},
        {"peerURLs": ["https://192.0.2.9:2380"]},
    ]
    assert parse_etcd_members(members) == {"a": "192.0.2.1", "192.0.2.9": "192.0.2.9"}


def test_the_warning_says_what_it_is_and_what_to_do() -> None:
    said = str(UnlistedHost("c", True, "192.0.2.3"))
    assert "c is a node and a member of etcd (192.0.2.3) of the cluster" in said
    assert "not in the inventory's kube_node and etcd" in said
    assert "`kprov node remove c`" in said
    assert "etcd" not in str(UnlistedHost("c", True))


def test_a_plan_without_changes_names_them_too(capsys: pytest.CaptureFixture[str]) -> None:
    shown._print_effects(Plan("/i", [], {}, unlisted_hosts=[UnlistedHost("c", True)]), ["a"])
    said = capsys.readouterr().out
    assert "Nothing would change" in said
    assert "c stays a node of the cluster, but is not in the inventory's kube_node" in said
