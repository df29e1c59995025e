"""Finds etcd hosts that were reinstalled, have a new disk or a new address: their member cannot start."""

from __future__ import annotations

from collections.abc import Collection

from kprov.errors import KprovError, PreflightError
from kprov.operations.cluster import Cluster, SeveralHostsError, run_read_only
from kprov.operations.host_answers import read_answer
from kprov.operations.running_cluster import RunningCluster


def find_lost_members(cluster: Cluster, running: RunningCluster, hosts: Collection[str]) -> dict[str, str]:
    """Return the reason by host, of those hosts that answer."""
    reasons = {}
    for host in cluster.members("etcd"):
        known = (running.members or {}).get(cluster.member_name(host))
        if host not in hosts or known is None:
            continue
        folder = str(cluster.variables[host].etcd_data_dir)
        if known != cluster.address(host):
            reasons[host] = (
                f"its member of etcd has the address {known}, the inventory has {cluster.address(host)}"
            )
        elif has_no_data(cluster, host, folder):
            reasons[host] = (
                f"it is a member of etcd, but {folder} is empty: it was reinstalled or has a new disk"
            )
    return reasons


def has_no_data(cluster: Cluster, host: str, folder: str) -> bool:
    """Whether the host says that it has no data of a member."""
    results = run_read_only(cluster, host, "stat", [{"path": f"{folder}/member"}])
    with read_answer(host, "stat"):
        return bool(results) and not results[0].get("failed") and not results[0]["stat"]["exists"]


def advise(host: str) -> str:
    """Return what the user has to do."""
    return f"run `kprov node replace {host}`"


def check_members(
    cluster: Cluster, running: RunningCluster, hosts: Collection[str], replaced: Collection[str]
) -> None:
    """Raise PreflightError for each host that has lost its member, but is not to be replaced."""
    errors: list[KprovError] = [
        PreflightError(host, f"{reason}; {advise(host)}")
        for host, reason in find_lost_members(cluster, running, hosts).items()
        if host not in replaced
    ]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise SeveralHostsError(errors)
