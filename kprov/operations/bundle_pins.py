"""Lets hosts keep the bundle that they run: roles then leave the units and settings of its components."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from kprov.operations.cluster import Cluster, run_read_only
from kprov.operations.host_answers import read_answer


def pin_bundles(cluster: Cluster, pins: Mapping[str, str]) -> None:
    """Let hosts keep what a rollback returned them to; warn if that is not this kprov's bundle."""
    others: dict[str, list[str]] = {}
    for host, digest in pins.items():
        if cluster.engine.inventory.hosts[host].variables.get("kube_bundle_digest") not in (None, digest):
            others.setdefault(digest, []).append(host)
        _pin_bundle(cluster, host, digest)
    for digest, hosts in others.items():
        cluster.engine.callbacks.warning(
            f"{', '.join(hosts)}: a rollback chose bundle {digest}, which stays with its units and settings. "
            "`kprov upgrade` installs the components of this kprov"
        )


@contextmanager
def keep_bundles(cluster: Cluster, hosts: Iterable[str]) -> Iterator[None]:
    """Let the runs in this block leave the components of these hosts at their bundle, rolled back or not."""
    inventory, variables = cluster.engine.inventory.hosts, cluster.engine.variables
    before = {host: dict(inventory[host].variables) for host in hosts}
    for host in before:
        digest = _read_bundle(cluster, host)
        if digest:
            _pin_bundle(cluster, host, digest)
    variables.clear_inventory_cache()
    try:
        yield
    finally:
        for host, values in before.items():
            inventory[host].variables.clear()
            inventory[host].variables.update(values)
        variables.clear_inventory_cache()


def _pin_bundle(cluster: Cluster, host: str, digest: str) -> None:
    cluster.engine.inventory.hosts[host].variables.update(kube_bundle_digest=digest, kube_bundle_pinned=True)


def _read_bundle(cluster: Cluster, host: str) -> str:
    """Return the digest of the bundle that a host runs; empty if it has none, such as a host of etcd only."""
    path = f"{cluster.variables[host].bundle_root}/current"
    results = run_read_only(cluster, host, "stat", [{"path": path}])
    with read_answer(host, "stat"):
        target = results[0].get("stat", {}).get("lnk_target", "") if results else ""
    return str(target).rpartition("/")[2]
