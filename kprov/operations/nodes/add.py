"""`kprov node add`: set up hosts that the inventory gained, and let the others know about them.

Arguments: hosts; ignore (names of preflight checks).
`kprov up` does the same, and brings all other hosts up to date as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from kprov.errors import InputError
from kprov.operations.cluster import Cluster
from kprov.operations.health import find_problems, wait_until_healthy
from kprov.operations.membership import connect_cluster
from kprov.operations.nodes.remaining_hosts import list_remaining_hosts, make_remaining_hosts_phase
from kprov.operations.nodes.selection import find_hosts, require_reachable
from kprov.operations.nodes.versions import check_versions
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.preparation import prepare_cluster
from kprov.operations.remote import find_api_host, find_etcd_host

_PARTS = {
    "etcd": "a member of etcd, which joins as a learner and is promoted",
    "kube_control_plane": "an API server, a controller manager and a scheduler",
    "kube_node": "a node",
}
#: Seconds until a new host must be healthy.
_HEALTH_TIMEOUT = 300


def list_phases(context: OperationContext) -> list[Phase]:
    """Check, set up, update the others, wait."""
    cluster = context.cluster
    hosts = find_hosts(cluster, context.arguments["hosts"])
    connect_cluster(context, hosts)
    require_reachable(cluster, hosts)
    require_cluster(cluster, hosts)
    return [make_preparation_phase(context, hosts), *list_setup_phases(context, hosts)]


def require_cluster(cluster: Cluster, hosts: Sequence[str]) -> None:
    """Raise KprovError if no other host serves the API or etcd: then there is nothing to join."""
    for group in ("kube_control_plane", "etcd"):
        if not set(cluster.members(group)) - set(hosts):
            raise InputError(
                f"{group} has no other host, so there is no cluster to join: `kprov up` creates one, "
                "`kprov etcd restore` recovers one from a snapshot",
                field="HOST",
            )
    find_api_host(cluster, hosts)
    find_etcd_host(cluster, hosts)


def make_preparation_phase(
    context: OperationContext, hosts: Sequence[str], replaced: Sequence[str] = ()
) -> Phase:
    """Return the phase that runs the preflight checks, issues certificates and builds bundles."""

    def run() -> None:
        prepare_cluster(
            context.cluster, context.say, tuple(context.arguments.get("ignore") or ()), replaced=replaced
        )
        check_versions(context.cluster, hosts, list_remaining_hosts(context.cluster, hosts))

    names = ", ".join(hosts)
    return Phase(
        f"Check {names} and issue certificates",
        lambda: [f"run the preflight checks on {names}", "issue missing certificates on this machine"],
        run,
        run,
    )


def list_setup_phases(context: OperationContext, hosts: Sequence[str]) -> list[Phase]:
    """Return the phases that set up hosts which are not in the cluster."""
    cluster = context.cluster

    def describe() -> list[str]:
        return [
            f"{host}: {_PARTS[group]}"
            for host in hosts
            for group in _PARTS
            if group in cluster.engine.inventory.group_names(host)
        ]

    def set_up(*, check: bool = False) -> None:
        context.run_playbook(hosts, check=check)

    def describe_wait() -> list[str]:
        everybody = [*hosts, *list_remaining_hosts(cluster, hosts)]
        return [f"wait for {', '.join(everybody)}"] if find_problems(cluster, everybody) else []

    def wait() -> None:
        wait_until_healthy(cluster, [*hosts, *list_remaining_hosts(cluster, hosts)], _HEALTH_TIMEOUT)

    return [
        Phase(f"Set up {', '.join(hosts)}", describe, set_up, lambda: set_up(check=True)),
        make_remaining_hosts_phase(context, hosts, gone=False),
        Phase(
            "Wait until all hosts are healthy",
            describe_wait,
            wait,
        ),
    ]
