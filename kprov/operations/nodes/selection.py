"""Finds the hosts that an operation names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from kprov.errors import InputError, NoAnswerError
from kprov.operations.cluster import GROUPS, Cluster
from kprov.operations.phases import OperationContext
from kprov.operations.unreachable_hosts import connect_hosts


def find_hosts(cluster: Cluster, names: Iterable[str], *groups: str) -> list[str]:
    """Return the named hosts of these groups (default: of the cluster), each once. Raises InputError."""
    members = cluster.members(*(groups or GROUPS))
    hosts = list(dict.fromkeys(names))
    for name in hosts:
        if name not in members:
            similar = difflib.get_close_matches(name, members, 1)
            hint = f"; did you mean {similar[0]}?" if similar else f" ({', '.join(members)})"
            raise InputError(
                f"{name!r} is not a host of {', '.join(groups or GROUPS)}{hint}",
                file=cluster.engine.inventory.path,
                field="HOST",
            )
    return hosts


def open_nodes(context: OperationContext) -> list[str]:
    """Return the hosts of the operation's nodes; connect to the control plane. Raises KprovError."""
    hosts = find_hosts(context.cluster, context.arguments["hosts"], "kube_node")
    context.facts = connect_hosts(context.cluster, context.cluster.members("kube_control_plane"))
    return hosts


def require_reachable(cluster: Cluster, hosts: Iterable[str]) -> None:
    """Raise NoAnswerError for a host that is to be set up and does not answer."""
    for host in hosts:
        reason = cluster.engine.unreachable_hosts.get(host)
        if reason is not None:
            raise NoAnswerError(host, f"does not answer ({reason}): it must run, and accept the login")
