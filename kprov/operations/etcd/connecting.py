"""Connects to the etcd hosts for a command that also works while some of them are down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kprov.errors import InputError
from kprov.operations.cluster import Cluster, open_cluster
from kprov.playbook.results.run_result import Callbacks, RunOptions


@contextmanager
def open_etcd(
    inventory: Path, options: RunOptions, callbacks: Callbacks | None = None
) -> Iterator[tuple[Cluster, dict[str, str]]]:
    """Open the cluster; yield it and the reason for each unreachable etcd host. Raises InputError."""
    with open_cluster(inventory, options, callbacks) as cluster:
        yield cluster, connect_etcd(cluster)


def connect_etcd(cluster: Cluster) -> dict[str, str]:
    """Connect to the etcd hosts; return the reason for each unreachable one."""
    hosts = cluster.members("etcd")
    if not hosts:
        raise InputError("the group etcd has no hosts", file=cluster.engine.inventory.path)
    unreachable = {
        connection.host: connection.error.reason
        for connection in cluster.engine.reach_hosts(hosts)
        if connection.error is not None
    }
    cluster.engine.unreachable_hosts = unreachable
    return unreachable
