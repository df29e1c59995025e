"""`kprov certs renew`: issue certificates again, whenever they end, and use them without a gap.

Arguments: hosts (empty: all, with the administrator's kubeconfig).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from cryptography import x509

from kprov.operations.keys.distribution import distribute, list_pending_changes, make_request
from kprov.operations.keys.host_files import list_cluster_hosts
from kprov.operations.keys.progress import RenewalProgress
from kprov.operations.lost_cluster import check_set_up
from kprov.operations.membership import connect_cluster
from kprov.operations.nodes.selection import find_hosts
from kprov.operations.phases import OperationContext, Phase
from kprov.pki.ensure import ensure_pki, load_certificate
from kprov.pki.issue import CLOCK_SKEW
from kprov.pki.table import list_certificates


def list_phases(context: OperationContext) -> list[Phase]:
    """Return the phases: issue, distribute."""
    cluster = context.cluster
    hosts = find_hosts(cluster, context.arguments["hosts"])
    connect_cluster(context, hosts)
    # The hosts that are not named get the files that differ there, too.
    check_set_up(cluster, list_cluster_hosts(cluster))
    progress = RenewalProgress.find(context.memory)
    if progress is None:
        # Certificates have seconds.
        progress = RenewalProgress(dt.datetime.now(dt.UTC).replace(microsecond=0))
        progress.store(context.memory)
    since = progress.since

    def is_due(path: str, certificate: x509.Certificate) -> bool:
        return _is_selected(path, hosts) and certificate.not_valid_before_utc + CLOCK_SKEW < since

    def plan_issue() -> list[str]:
        pki = cluster.artifacts / "pki"
        specs = list_certificates(make_request(cluster))
        files = [(spec.path, pki / f"{spec.path}.crt") for spec in specs if _is_selected(spec.path, hosts)]
        return [
            f"issue {path}.crt"
            for path, file in files
            if not file.exists() or is_due(path, load_certificate(file))
        ]

    def issue() -> None:
        for line in ensure_pki(make_request(cluster), is_forced=is_due):
            context.say(f"  {line}")

    def plan_distribute() -> list[str]:
        if RenewalProgress.read(context.memory).distributed:
            return []
        pending = list_pending_changes(context, hosts or list_cluster_hosts(cluster))
        return pending or ["copy the certificates to the hosts; restart their components one by one"]

    def run_distribute() -> None:
        distribute(context)
        RenewalProgress(since, distributed=True).store(context.memory)

    return [
        Phase("Issue certificates", plan_issue, issue),
        Phase("Bring them to the hosts", plan_distribute, run_distribute),
    ]


def _is_selected(path: str, hosts: Collection[str]) -> bool:
    parts = path.split("/")
    return not hosts or (parts[0] == "hosts" and parts[1] in hosts)
