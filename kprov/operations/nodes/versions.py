"""Checks that the components of this kprov fit those of the cluster before hosts get them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from kprov.bundle.metadata import Metadata, read_archive
from kprov.errors import InputError
from kprov.operations.cluster import Cluster
from kprov.operations.host_versions import read_versions
from kprov.operations.skew import SkewHost, find_skew


def check_versions(cluster: Cluster, hosts: Iterable[str], others: Iterable[str]) -> None:
    """Raise InputError if hosts with the bundle chosen for them would not fit the others."""
    components = set(cluster.members("kube_control_plane", "kube_node"))
    installed = {
        host: versions.metadata
        for host, versions in read_versions(cluster, [host for host in others if host in components]).items()
    }
    new = {
        host: read_archive(Path(cluster.engine.inventory.hosts[host].variables["kube_bundle_archive"]))
        for host in hosts
        if host in components
    }
    problems = find_misfits(
        new, installed, set(cluster.members("kube_control_plane")), set(cluster.members("kube_node"))
    )
    if problems:
        lines = "\n".join(f"  {line}" for line in problems)
        raise InputError(
            f"the components of this kprov do not fit the cluster: use the kprov that installed it, or run "
            f"`kprov upgrade` first\n{lines}"
        )


def find_misfits(
    new: Mapping[str, Metadata],
    installed: Mapping[str, Metadata],
    control_plane: Iterable[str],
    nodes: Iterable[str],
) -> list[str]:
    """Return why new hosts cannot work beside the installed ones, a line each."""
    control_plane, nodes = set(control_plane), set(nodes)
    problems = find_skew(
        SkewHost(host, metadata.release, host in control_plane, host in nodes)
        for host, metadata in {**installed, **new}.items()
    )
    for host, metadata in new.items():
        for other, old in installed.items():
            if {host, other} <= control_plane and not old.can_read(metadata):
                problems.append(
                    f"the API server of {host} would write storage format {metadata.storage_writes}, which "
                    f"that of {other} ({old.title}) cannot read"
                )
    return problems
