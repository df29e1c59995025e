"""Refuses to create an empty cluster where the machines of an existing one were exchanged.

`up` with an inventory whose cluster existed would issue its certificates, and form a new, empty etcd. What is
meant is a restore. A mark beside the keys says that a cluster existed.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from kprov.errors import HostError, InputError
from kprov.operations.cluster import Cluster
from kprov.operations.remote import try_command
from kprov.operations.running_cluster import APISERVER, KUBELET
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


def check_exists(cluster: Cluster, hosts: Collection[str]) -> None:
    """Raise InputError if no host of etcd and of the control plane, of these, has anything of a cluster."""
    core = [host for host in cluster.members("etcd", "kube_control_plane") if host in hosts]
    if not core or any(has_remains(cluster, host) for host in core):
        return
    inventory = cluster.engine.inventory.path
    has = "has" if len(core) == 1 else "have"
    text = f"{', '.join(core)} {has} nothing of a cluster: {explain_ways(str(inventory))}"
    raise InputError(text, file=inventory)


def check_set_up(cluster: Cluster, hosts: Collection[str]) -> None:
    """Raise InputError if one of these hosts has no part of the cluster: it was reset, or never set up."""
    check_exists(cluster, hosts)
    bare = [host for host in hosts if not has_remains(cluster, host, KUBELET)]
    if not bare:
        return
    inventory = cluster.engine.inventory.path
    it, has = ("it", "has") if len(bare) == 1 else ("them", "have")
    raise InputError(
        f"{', '.join(bare)} {has} nothing of the cluster: `kprov up -i {inventory}` sets {it} up again, "
        f"`kprov node remove {' '.join(bare)} -i {inventory}` takes {it} out of the cluster",
        file=inventory,
    )


def explain(hosts: Iterable[str], created: str, inventory: str) -> str:
    """Return why `up` is refused, with the commands for what was meant."""
    return (
        f"{', '.join(hosts)} have nothing of the cluster that exists since {created}: `kprov up` would "
        "create an empty one in its place. To bring it back from a snapshot on these machines, run "
        f"`kprov etcd restore FILE -i {inventory}`. For a new, empty cluster, add --new-cluster"
    )


def explain_ways(inventory: str) -> str:
    """Return how hosts that have nothing of a cluster get one."""
    return (
        f"`kprov up -i {inventory}` creates a new cluster, `kprov etcd restore FILE -i {inventory}` brings "
        "the former one back from a snapshot"
    )


def has_remains(cluster: Cluster, host: str, *other_paths: str) -> bool:
    """Whether a host has an API server, was a member of etcd, or has one of the other paths.

    One that cannot say counts as if it had.
    """
    paths = (APISERVER, _ETCD, f"{cluster.variables[host].etcd_data_dir}/member", *other_paths)
    tests = " -o ".join(f"-e {shlex.quote(path)}" for path in paths)
    try:
        return try_command(cluster, host, f"test {tests}").code == 0
    except HostError:
        return True
