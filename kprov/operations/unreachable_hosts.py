"""Connects to the hosts of a run, and decides whether it sets the unreachable ones aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from kprov.errors import KprovError
from kprov.operations.cluster import Cluster, SeveralHostsError, explain_missing_root, explain_unsupported
from kprov.playbook.results.journal import EarlierRun, find_latest, journal_folder, read_header


class MissingHostsError(KprovError):
    """So many hosts do not answer that the cluster cannot be changed."""

    exit_code = 4


def connect_hosts(
    cluster: Cluster,
    hosts: list[str],
    leave_out: Callable[[], Iterable[str]] = tuple,
    *,
    exists: bool | None = None,
) -> dict[str, dict[str, Any]]:
    """Connect to the hosts; return their facts by host.

    `leave_out` is called as soon as hosts are connected, and returns those that do not count.
    `exists`: whether the cluster exists; None if the journal tells it.

    Raises PreflightError that names every host that is unusable.
    """
    reached = cluster.engine.reach_hosts(hosts)
    unreachable = {
        connection.host: connection.error.reason
        for connection in reached
        if connection.lost and connection.error is not None
    }
    cluster.engine.unreachable_hosts = dict(unreachable)
    absent = set(leave_out())
    cluster.engine.unreachable_hosts = {}
    reached = [connection for connection in reached if connection.host not in absent]
    unreachable = {host: reason for host, reason in unreachable.items() if host not in absent}
    quorum_error = set_unreachable_aside(cluster, unreachable, exists=exists)
    aside = cluster.engine.unreachable_hosts
    reached = [connection for connection in reached if connection.host not in aside]
    errors: list[KprovError] = [connection.error for connection in reached if connection.error is not None]
    if quorum_error:
        errors.append(quorum_error)
    for connection in reached:
        if connection.error is None:
            allow = cluster.variables[connection.host].kprov_allow_experimental_distributions
            errors += explain_missing_root(connection.host, connection.facts) or explain_unsupported(
                connection.host, connection.facts, allow_experimental=allow
            )
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise SeveralHostsError(errors)
    return {connection.host: connection.facts for connection in reached}


def set_unreachable_aside(
    cluster: Cluster, unreachable: dict[str, str], *, exists: bool | None = None
) -> KprovError | None:
    """Decide whether the run continues without these hosts; return why it cannot without some.

    An existing cluster continues if it can. Before the first `up` such a host is an error in the inventory.
    """
    quorum_error = find_indispensable(cluster, unreachable) if unreachable else None
    if exists is None:
        exists = is_installed(journal_folder(cluster.engine.inventory))
    if exists and not quorum_error:
        cluster.engine.unreachable_hosts = unreachable
    return quorum_error


def is_installed(journals: Path) -> bool:
    """Whether `up` ran with this inventory, and no `reset` of all hosts has succeeded since."""
    path = find_latest(
        journals,
        lambda run: run.get("command") == "up" or (run.get("command") == "reset" and not run.get("limit")),
    )
    return path is not None and (read_header(path)["command"] == "up" or not EarlierRun(path).finished)


def find_indispensable(cluster: Cluster, unreachable_hosts: Iterable[str]) -> KprovError | None:
    """Return why the run cannot continue without these hosts; None if it can."""
    unreachable = set(unreachable_hosts)
    members = cluster.members("etcd")
    remaining = [host for host in members if host not in unreachable]
    quorum = len(members) // 2 + 1
    if len(remaining) < quorum:
        return MissingHostsError(
            f"without {', '.join(host for host in members if host in unreachable)} etcd has no quorum: "
            f"{len(remaining)} of {len(members)} members are reachable, {quorum} are needed"
        )
    if not [host for host in cluster.members("kube_control_plane") if host not in unreachable]:
        return MissingHostsError("no host of kube_control_plane is reachable")
    return None
