"""`kprov node replace`: set up a host of the cluster anew: dead, alive, empty or at a new address.

Arguments: hosts, those of drain, and ignore (names of preflight checks). The machine that the inventory
names must answer; what it has of a cluster is removed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from kprov.content.locations import PLAYBOOKS
from kprov.errors import PreflightError
from kprov.operations.cluster import Cluster
from kprov.operations.etcd_members import (
    Member,
    find_members,
    list_healthy,
    list_members,
    remove_member,
    require_quorum,
)
from kprov.operations.membership import connect_cluster
from kprov.operations.nodes.add import list_setup_phases, make_preparation_phase, require_cluster
from kprov.operations.nodes.drain import make_drain_phase, require_controllers
from kprov.operations.nodes.progress import OldHost
from kprov.operations.nodes.selection import find_hosts, require_reachable
from kprov.operations.nodes.state import (
    find_address,
    find_node,
    has_remains,
    is_ready,
    make_target,
)
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.remote import run_kubectl


def list_phases(context: OperationContext) -> list[Phase]:
    """Check; remove what the cluster knows of the old host; set up the new one. One host after the other."""
    cluster = context.cluster
    hosts = find_hosts(cluster, context.arguments["hosts"])
    connect_cluster(context, hosts)
    require_reachable(cluster, hosts)
    require_cluster(cluster, hosts)
    phases = [make_preparation_phase(context, hosts, hosts)]
    for host in hosts:
        remember_old_host(context, host)
    require_controllers(context, [node for host in hosts for node in _list_drained(context, host)])
    for host in hosts:
        phases += list_removal_phases(context, host)
        phases += list_new_host_phases(context, host)
    return phases


def remember_old_host(context: OperationContext, host: str) -> None:
    """Store which node and members are the old host's: later, the new one has the same names."""
    if OldHost.find(context.memory, host) is not None:
        return
    cluster = context.cluster
    target = make_target(cluster, host)
    node = find_node(cluster, target.node, exclude=[host])
    members = list_members(cluster, exclude=[host])
    healthy = list_healthy(cluster, members, exclude=[host])
    own = find_members(members, name=target.member, address=cluster.address(host))
    check_old_machine(cluster, host, node, [member for member in own if member.id in healthy])
    if own:
        require_quorum(members, healthy, {member.id for member in own})
    uid = node["metadata"]["uid"] if node else ""
    OldHost(tuple(member.id for member in own), uid).store(context.memory, host)


def check_old_machine(
    cluster: Cluster, host: str, node: dict[str, Any] | None, healthy: Iterable[Member]
) -> None:
    """Raise PreflightError if the host has a new address, and the machine at the old one still runs."""
    address = cluster.address(host)
    old = find_old_address(address, node, healthy)
    if old:
        raise PreflightError(
            host,
            f"the inventory has {address}, and the machine with the old address {old} still runs: switch it "
            "off, and repeat when its node is no longer Ready (about a minute later)",
        )


def find_old_address(address: str, node: dict[str, Any] | None, healthy: Iterable[Member]) -> str:
    """Return another address at which the host's kubelet or member of etcd works; empty if there is none."""
    addresses = [member.address for member in healthy]
    if node is not None and is_ready(node):
        addresses.append(find_address(node))
    return next((other for other in addresses if other not in ("", address)), "")


def list_removal_phases(context: OperationContext, host: str) -> list[Phase]:
    """Return the phases that remove the old host from the cluster, and reset it if it has data."""
    return [
        _make_quorum_phase(context, host),
        _make_drain_phase(context, host),
        _make_member_phase(context, host),
        _make_reset_phase(context, host),
        _make_node_phase(context, host),
    ]


def list_new_host_phases(context: OperationContext, host: str) -> list[Phase]:
    """Return the phases that set the new host up. From then on, what is on the host is the new one's."""
    setup, *others = list_setup_phases(context, [host])

    def run() -> None:
        replace(_read_old(context, host), reset=True).store(context.memory, host)
        setup.run()

    def check() -> None:
        if _needs_reset(context, host):
            context.say(f"  compared with {host} as it is now: after the reset, all of these tasks change it")
        if setup.check is not None:
            setup.check()

    return [replace(setup, run=run, check=check), *others]


def _read_old(context: OperationContext, host: str) -> OldHost:
    return OldHost.read(context.memory, host)


def _find_old_node(context: OperationContext, host: str) -> dict[str, Any] | None:
    node = find_node(context.cluster, context.cluster.node_name(host), exclude=[host])
    return node if node and node["metadata"]["uid"] == _read_old(context, host).node else None


def _make_quorum_phase(context: OperationContext, host: str) -> Phase:
    def plan() -> list[str]:
        members = list_members(context.cluster, exclude=[host])
        old = {member.id for member in members} & set(_read_old(context, host).members)
        if not old:
            return []
        require_quorum(members, list_healthy(context.cluster, members, exclude=[host]), old)
        return ["the other members have a quorum"]

    return Phase(f"Check that etcd keeps its quorum without {host}", plan, lambda: None)


def _list_drained(context: OperationContext, host: str) -> list[str]:
    """Return the name of the old node if it must be drained: without a kubelet no pod ends."""
    node = _find_old_node(context, host)
    alive = node is not None and is_ready(node) and has_remains(context.cluster, host)
    return [context.cluster.node_name(host)] if alive else []


def _make_drain_phase(context: OperationContext, host: str) -> Phase:
    drain = make_drain_phase(context, host)

    def plan() -> list[str]:
        return list(drain.plan()) if _list_drained(context, host) else []

    return Phase(drain.title, plan, drain.run)


def _make_member_phase(context: OperationContext, host: str) -> Phase:
    def list_old() -> list[Any]:
        ids = _read_old(context, host).members
        return [member for member in list_members(context.cluster, exclude=[host]) if member.id in ids]

    def run() -> None:
        for member in list_old():
            remove_member(context.cluster, member, exclude=[host])

    return Phase(
        f"Take the old {host} out of etcd",
        lambda: [f"remove member {member.title} ({member.address}, id {member.id})" for member in list_old()],
        run,
    )


def _needs_reset(context: OperationContext, host: str) -> bool:
    """Whether the host has files of the old host."""
    return not _read_old(context, host).reset and has_remains(context.cluster, host)


def _make_reset_phase(context: OperationContext, host: str) -> Phase:
    def plan() -> list[str]:
        if not _needs_reset(context, host):
            return []
        return [f"stop and remove all components, packages and data of the cluster on {host}"]

    def run(*, check: bool = False) -> None:
        context.run_playbook([host], playbook=PLAYBOOKS / "reset.yml", check=check)

    return Phase(f"Reset {host}", plan, run, lambda: run(check=True))


def _make_node_phase(context: OperationContext, host: str) -> Phase:
    name = context.cluster.node_name(host)

    def run() -> None:
        run_kubectl(context.cluster, f"delete node {shlex.quote(name)} --ignore-not-found", exclude=[host])

    return Phase(
        f"Delete the old node of {host}",
        lambda: [f"delete node {name} and its pods"] if _find_old_node(context, host) else [],
        run,
    )
