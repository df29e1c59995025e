"""Brings the files of artifacts/pki to the hosts, and lets the components use them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kprov.content.locations import PLAYBOOKS
from kprov.errors import KprovError
from kprov.operations.cluster import GROUPS, Cluster
from kprov.operations.health import wait_until_healthy
from kprov.operations.keys.host_files import find_differences, list_cluster_hosts
from kprov.operations.keys.restarts import HEALTHY_SECONDS, list_stale_units, restart_stale_units
from kprov.operations.lost_cluster import check_set_up
from kprov.operations.membership import connect_cluster
from kprov.operations.phases import OperationContext
from kprov.operations.preparation import make_pki_request
from kprov.operations.unreachable_hosts import MissingHostsError
from kprov.pki.request import PkiRequest

#: Copies certificates, keys and kubeconfigs, and nothing else.
CREDENTIALS_PLAYBOOK = PLAYBOOKS / "credentials.yml"


def connect_all_hosts(context: OperationContext) -> None:
    """Connect to all hosts of the cluster. Raises KprovError if one does not answer.

    A host that misses a rotation could not join the cluster again.
    """
    cluster = context.cluster
    if cluster.engine.options.limit:
        raise KprovError("--limit: a rotation needs all hosts of the cluster")
    connect_cluster(context)
    unreachable = cluster.engine.unreachable_hosts
    if unreachable:
        reasons = "; ".join(f"{host}: {reason}" for host, reason in unreachable.items())
        raise MissingHostsError(f"all hosts of the cluster must be reachable: {reasons}")
    check_set_up(cluster, list_cluster_hosts(cluster))


def make_request(cluster: Cluster) -> PkiRequest:
    """Return what the certificates need to know, also about the registries that `up --offline` installed."""
    hosts = cluster.artifacts / "pki" / "hosts"
    registries = [host for host in cluster.members(*GROUPS) if (hosts / host / "registry.crt").exists()]
    return make_pki_request(cluster, registries)


def list_pending_changes(context: OperationContext, hosts: Iterable[str]) -> list[str]:
    """Return a line for each file that differs on the hosts, and for each unit that needs a restart."""
    hosts = list(hosts)
    lines = [
        f"copy {difference.name} to {difference.host}"
        for difference in find_differences(context.cluster, hosts)
    ]
    return lines + list_stale_units(context, hosts)


def distribute(context: OperationContext, tags: Sequence[str] = ("all",)) -> None:
    """Copy the files to all hosts and restart what needs it, one host after the other. Raises KprovError."""
    hosts = list_cluster_hosts(context.cluster)
    context.run_playbook(hosts, playbook=CREDENTIALS_PLAYBOOK, tags=tags)
    restart_stale_units(context)
    wait_until_healthy(context.cluster, hosts, HEALTHY_SECONDS)
