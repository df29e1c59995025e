"""Returns hosts to another bundle that they have, with its units and settings."""

from __future__ import annotations

from collections.abc import Mapping

from kprov.content.locations import PLAYBOOKS
from kprov.operations.host_versions import HostVersions
from kprov.operations.phases import OperationContext
from kprov.operations.upgrade.gate import pass_gate

_PLAYBOOK = PLAYBOOKS / "rollback.yml"


def find_obstacle(host: HostVersions) -> str:
    """Return why the previous bundle of a host cannot work with the cluster's data; empty if it can."""
    newer, older = host.metadata, host.previous_metadata
    if not older.can_read(newer):
        return (
            f"{host.host}: {newer.title} writes storage format {newer.storage_writes}, "
            f"and {older.title} reads only {', '.join(map(str, older.storage_reads))}"
        )
    if host.encrypts and not host.previous_decrypts:
        return f"{host.host}: etcd has encrypted objects since the upgrade, and the older API server no key"
    return ""


def return_hosts(
    context: OperationContext, digests: Mapping[str, str], *, command: str = "", timeout: float
) -> None:
    """Return each host to its bundle and wait until it is healthy. Raises KprovError."""
    hosts_by_digest: dict[str, list[str]] = {}
    for host, digest in digests.items():
        hosts_by_digest.setdefault(digest, []).append(host)
    for digest, hosts in hosts_by_digest.items():
        context.run_playbook(hosts, playbook=_PLAYBOOK, extra_vars={"kube_bundle_rollback_digest": digest})
    pass_gate(context.cluster, list(digests), digests, command, timeout)
