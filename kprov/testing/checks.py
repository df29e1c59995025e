"""Checks one host, which testinfra reaches, against the cluster that an inventory describes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from testinfra.host import Host

from kprov.errors import InputError
from kprov.operations.cluster import GROUPS, open_cluster
from kprov.operations.verify import describe_cluster
from kprov.verify.model import CheckResult
from kprov.verify.runner import WAIT_SECONDS
from kprov.verify.selection import run_selected


def check_host(
    host: Host,
    *,
    inventory: str | Path,
    checks: Sequence[str] = ("*",),
    name: str | None = None,
    wait: float = WAIT_SECONDS,
) -> list[CheckResult]:
    """Run checks on a host and return their results.

    host: testinfra's host; its commands must run as root.
    inventory: the cluster's inventory, with `artifacts/` beside it, as for `kprov verify -i`.
    checks: patterns of `AREA/CHECK`, as in `kprov verify --all`: `units/etcd`, `ports/etcd *`, `etcd/*`.
    name: the host's name in the inventory, if testinfra knows the host by another one.
    wait: seconds to wait at most for components that are starting.

    Raises:
        InputError: the inventory is invalid or has no such host, or a pattern matches no check of the host.

    """
    wanted = name or host.backend.get_hostname()
    with open_cluster(Path(inventory)) as cluster:
        described = describe_cluster(cluster, cluster.members(*GROUPS), wait)
    me = next((cluster_host for cluster_host in described.hosts if cluster_host.name == wanted), None)
    if me is None:
        known = ", ".join(cluster_host.name for cluster_host in described.hosts)
        raise InputError(f"no host {wanted!r} in the cluster; it has {known}", file=Path(inventory))
    return run_selected(me, host, described, checks, wait=wait)


def assert_checks(
    host: Host,
    *,
    inventory: str | Path,
    checks: Sequence[str] = ("*",),
    name: str | None = None,
    wait: float = WAIT_SECONDS,
) -> None:
    """Run checks as check_host does. Raises AssertionError with a line for each check that failed."""
    results = check_host(host, inventory=inventory, checks=checks, name=name, wait=wait)
    failed = [
        f"{result.host}: {result.area}/{result.name}: {result.detail}" for result in results if not result.ok
    ]
    if failed:
        raise AssertionError("\n".join(failed))
