"""An inventory whose cluster existed makes no empty one on machines that have nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.cluster import open_cluster
from kprov.operations.lost_cluster import (
    MARK,
    check_exists,
    check_remains,
    check_set_up,
    forget_created,
    mark_created,
)

INVENTORY = """
all:
  vars:
    ansible_connection: local
    ansible_become: false
    ansible_python_interpreter: python3
    etcd_data_dir: {data}
  children:
    kube_control_plane: {{hosts: {{a: {{ip: 192.0.2.1}}}}}}
    etcd: {{hosts: {{a: }}}}
    kube_node: {{hosts: {{a: , b: {{ip: 192.0.2.2}}}}}}
"""


def check(folder: Path, *hosts: str) -> None:
    (folder / "hosts.yml").write_text(INVENTORY.format(data=folder / "data"))
    with open_cluster(folder / "hosts.yml") as cluster:
        check_remains(cluster, hosts)


def test_hosts_without_anything_of_the_cluster_are_refused_with_the_command_that_is_meant(
    tmp_path: Path,
) -> None:
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    mark_created(artifacts)
    with pytest.raises(InputError, match=r"a have nothing .*`kprov etcd restore FILE -i .*--new-cluster"):
        check(tmp_path, "a", "b")


def test_a_host_with_data_a_first_installation_and_one_after_a_reset_are_accepted(tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    check(tmp_path, "a", "b")
    mark_created(artifacts)
    member = tmp_path / "data" / "member"
    member.mkdir(parents=True)
    check(tmp_path, "a", "b")
    member.rmdir()
    forget_created(artifacts)
    check(tmp_path, "a", "b")


def test_nothing_is_said_if_no_host_of_the_core_answers(tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    mark_created(tmp_path / "artifacts")
    check(tmp_path, "b")


def test_an_operation_on_a_cluster_is_refused_if_its_hosts_have_none(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(INVENTORY.format(data=tmp_path / "data"))
    with open_cluster(tmp_path / "hosts.yml") as cluster:
        check_exists(cluster, ["b"])
        with pytest.raises(
            InputError, match=r"a has nothing .*`kprov up -i .* creates .*`kprov etcd restore"
        ):
            check_exists(cluster, ["a", "b"])
        (tmp_path / "data" / "member").mkdir(parents=True)
        check_exists(cluster, ["a", "b"])


def test_a_host_that_was_reset_is_named_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "data with space" / "member").mkdir(parents=True)
    text = INVENTORY.format(data=tmp_path / "data with space")
    # The second host would have the same data.
    text = text.replace("b: {ip: 192.0.2.2}", f"b: {{ip: 192.0.2.2, etcd_data_dir: {tmp_path}/none}}")
    (tmp_path / "hosts.yml").write_text(text)
    with open_cluster(tmp_path / "hosts.yml") as cluster:
        check_set_up(cluster, ["a"])
        with pytest.raises(
            InputError, match=r"b has nothing .*`kprov up -i .* sets it .*`kprov node remove b -i"
        ):
            check_set_up(cluster, ["a", "b"])


def test_the_mark_keeps_the_first_time(tmp_path: Path) -> None:
    mark_created(tmp_path)
    (tmp_path / MARK).write_text("2026-01-01T00:00:00Z\n")
    mark_created(tmp_path)
    assert (tmp_path / MARK).read_text() == "2026-01-01T00:00:00Z\n"
