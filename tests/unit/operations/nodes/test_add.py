"""Hosts join a cluster that others serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.cluster import open_cluster
from kprov.operations.nodes.add import require_cluster

INVENTORY = """
all:
  vars: {ansible_connection: local}
  children:
    kube_control_plane: {hosts: {a: {ip: 192.0.2.1}}}
    etcd: {hosts: {a: , b: {ip: 192.0.2.2}, c: {ip: 192.0.2.3}}}
    kube_node: {hosts: {a: }}
"""


@pytest.mark.parametrize(
    ("hosts", "group"), [(["a"], "kube_control_plane"), (["a", "b", "c"], "kube_control_plane")]
)
def test_the_last_host_of_a_group_has_no_cluster_to_join(
    tmp_path: Path, hosts: list[str], group: str
) -> None:
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    with (
        open_cluster(tmp_path / "hosts.yml") as cluster,
        pytest.raises(InputError, match=f"HOST: {group} has no other host.*kprov etcd restore"),
    ):
        require_cluster(cluster, hosts)
