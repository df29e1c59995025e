"""Refuses to create an empty cluster where the machines of an existing one were exchanged.

`up` with an inventory whose cluster existed would issue its certificates, and form a new, empty etcd. What is
meant is a restore. A mark beside the keys says that a cluster existed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from pathlib import Path

from kprov.errors import HostError, InputError
from kprov.operations.cluster import Cluster
from kprov.operations.remote import try_command
from kprov.operations.running_cluster import APISERVER
from kprov.pki import files

#: In artifacts/: the time at which `up` succeeded first.
MARK = "cluster-created"
_ETCD = "/etc/etcd/bootstrapped"


def mark_created(artifacts: Path) -> None:
    """Store that the cluster exists, if that is not known yet."""
    path = artifacts / MARK
    if not path.exists():
        files.write_file(path, f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}\n".encode(), 0o644)


def forget_created(artifacts: Path) -> None:
    """Store that there is no cluster any more: all of its hosts were reset."""
    (artifacts / MARK).unlink(missing_ok=True)


def check_remains(cluster: Cluster, hosts: Collection[str]) -> None:
    """Raise InputError if the cluster existed, and none of the reachable hosts has anything of it."""
    mark = cluster.artifacts / MARK
    if not mark.exists():
        return
    core = [host for host in cluster.members("etcd", "kube_control_plane") if host in hosts]
    if not core or any(has_remains(cluster, host) for host in core):
        return
    raise InputError(explain(core, mark.read_text().strip(), str(cluster.engine.inventory.path)), file=mark)


def explain(hosts: Iterable[str], created: str, inventory: str) -> str:
    """Return why `up` is refused, with the commands for what was meant."""
    return (
        f"{', '.join(hosts)} have nothing of the cluster that exists since {created}: `kprov up` would "
        "create an empty one in its place. To bring it back from a snapshot on these machines, run "
        f"`kprov etcd restore FILE -i {inventory}`. For a new, empty cluster, add --new-cluster"
    )


def has_remains(cluster: Cluster, host: str) -> bool:
    """Whether a host has an API server or was a member of etcd; one that cannot say counts as if it had."""
    data = cluster.variables[host].etcd_data_dir
    try:
        return try_command(cluster, host, f"test -e {APISERVER} -o -e {_ETCD} -o -e {data}/member").code == 0
    except HostError:
        return True
