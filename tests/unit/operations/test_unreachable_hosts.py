"""Hosts without a connection: a mistake before the first `up`, set aside where a cluster is there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from kprov.errors import PreflightError
from kprov.operations.cluster import explain_missing_root, open_cluster
from kprov.operations.unreachable_hosts import connect_hosts, is_installed
from kprov.playbook.results.journal import Journal

INVENTORY = """
all:
  vars: {ansible_connection: local, ansible_become: false, ansible_python_interpreter: python3}
  hosts:
    a: {ip: 192.0.2.1}
    b: {ip: 192.0.2.2}
    gone: {ip: 192.0.2.3, ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}
  children:
    kube_control_plane: {hosts: {a: , b: , gone: }}
    etcd: {hosts: {a: , b: , gone: }}
    kube_node: {hosts: {a: , b: , gone: }}
"""


def ran(folder: Path, command: str, *, ok: bool = True, limit: str | None = None) -> None:
    journal = Journal(folder)
    journal.write("run", command=command, playbooks=[f"/{command}.yml"], limit=limit)
    journal.write("end", ok=ok)
    journal.close()


def aside(inventory: Path) -> dict[str, str]:
    with open_cluster(inventory) as cluster:
        with suppress(PreflightError):  # this machine need not be one that the roles know
            connect_hosts(cluster, ["a", "b", "gone"])
        return cluster.engine.unreachable_hosts


def test_only_an_up_before_makes_a_host_without_a_connection_one_to_be_set_aside(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(INVENTORY)
    ran(tmp_path / "artifacts/journal", "play")
    with open_cluster(inventory) as cluster, pytest.raises(PreflightError, match="gone"):
        connect_hosts(cluster, ["a", "b", "gone"])
    ran(tmp_path / "artifacts/journal", "up", ok=False)
    assert list(aside(inventory)) == ["gone"]


@pytest.mark.parametrize(
    ("runs", "there"),
    [
        ([], False),
        ([("play", True, None)], False),
        ([("up", False, None), ("play", True, None)], True),
        ([("up", True, None), ("reset", True, None)], False),
        ([("up", True, None), ("reset", True, None), ("up", False, None)], True),
        ([("up", True, None), ("reset", False, None)], True),
        ([("up", True, None), ("reset", True, "node3")], True),
        ([("up", True, "node3")], True),
    ],
)
def test_a_cluster_is_there_after_an_up_until_a_whole_reset(
    runs: list[tuple[str, bool, str | None]], there: bool, tmp_path: Path
) -> None:
    for command, ok, limit in runs:
        ran(tmp_path, command, ok=ok, limit=limit)
    assert is_installed(tmp_path) is there


def test_a_host_where_tasks_do_not_run_as_root_is_refused() -> None:
    assert explain_missing_root("a", {"ansible_effective_user_id": 0, "ansible_user_id": "root"}) == []
    (error,) = explain_missing_root("a", {"ansible_effective_user_id": 1000, "ansible_user_id": "admin"})
    assert error.exit_code == 2
    assert str(error).startswith("a: tasks would run as admin, and a cluster is set up as root")
