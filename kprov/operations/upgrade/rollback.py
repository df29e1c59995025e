"""`kprov rollback`: return hosts to the bundle that they had before the last upgrade.

Arguments: limit, drain, grace_period, timeout and force (of drains), gate (a command), gate_timeout
(seconds).
"""

from __future__ import annotations

from dataclasses import dataclass

from kprov.errors import InputError, KprovError
from kprov.operations.host_versions import HostVersions, read_versions
from kprov.operations.membership import connect_cluster
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.skew import SkewHost, find_skew
from kprov.operations.upgrade.bundle_rollback import find_obstacle, return_hosts
from kprov.operations.upgrade.cordon import make_drain, make_uncordon
from kprov.operations.upgrade.progress import HostProgress, RollbackProgress
from kprov.operations.upgrade.upgrade import choose_hosts


class NoRollbackError(KprovError):
    """The cluster cannot return to its previous bundle."""

    exit_code = 2


def list_phases(context: OperationContext) -> list[Phase]:
    """Return the check, and for each host, workers first: its rollback. Raises KprovError."""
    cluster = context.cluster
    connect_cluster(context)
    nodes = set(cluster.members("kube_control_plane", "kube_node"))
    hosts = [host for host in choose_hosts(cluster, context.arguments["limit"]) if host in nodes]
    versions = read_versions(cluster, context.facts)
    rollback = Rollback(context, hosts, versions)
    rollback.check()
    control_plane = set(cluster.members("kube_control_plane"))
    # A kubelet must not be newer than an API server: workers first, then the control plane from its end.
    ordered = [host for host in hosts if host not in control_plane]
    ordered += [host for host in reversed(hosts) if host in control_plane]
    phases = [Phase("Choose the bundles", rollback.plan_choice, rollback.choose)]
    for host in ordered:
        phases += _list_host_phases(context, rollback, host)
    return phases


def _list_host_phases(context: OperationContext, rollback: Rollback, host: str) -> list[Phase]:
    def has_work() -> bool:
        return bool(rollback.plan_host(host))

    def will_drain() -> bool:
        return HostProgress.read(context.memory, host).cordoned is None and has_work()

    phase = Phase(f"Roll back {host}", lambda: rollback.plan_host(host), lambda: rollback.return_host(host))
    if host not in context.cluster.members("kube_node"):
        return [phase]
    if context.arguments["drain"]:
        return [make_drain(context, host, has_work), phase, make_uncordon(context, host, will_drain)]
    # An upgrade that this rollback ends may have drained the host.
    drained = HostProgress.read(context.memory, host).cordoned is False
    return [phase, make_uncordon(context, host, lambda: False)] if drained else [phase]


@dataclass
class Rollback:
    """The rollback of some hosts. `versions` are those of all reachable hosts before it."""

    context: OperationContext
    hosts: list[str]
    versions: dict[str, HostVersions]

    def check(self) -> None:
        """Check skew and storage formats, unless the rollback has begun. Raises NoRollbackError."""
        if RollbackProgress.read(self.context.memory).targets:
            return
        returning = self._list_returning()
        if not returning:
            raise NoRollbackError(
                f"{', '.join(self.hosts)}: no previous bundle; a rollback is possible once after each upgrade"
            )
        problems = [text for host in returning if (text := find_obstacle(self.versions[host]))]
        problems += self._find_skew(returning)
        if problems:
            lines = "\n".join(f"  {line}" for line in problems)
            raise NoRollbackError(f"the cluster cannot return to its previous bundle:\n{lines}")

    def plan_choice(self) -> list[str]:
        """Return what the resumed rollback must know, unless it knows it."""
        if RollbackProgress.read(self.context.memory).targets:
            return []
        return [f"return {', '.join(self._list_returning())} to the previous bundle"]

    def choose(self) -> None:
        """Store the bundles to return to: the links to them change."""
        targets = {host: self._find_target(host) for host in self._list_returning()}
        RollbackProgress(targets).store(self.context.memory)

    def _list_returning(self) -> list[str]:
        return [host for host in self.hosts if self._find_target(host)]

    def plan_host(self, host: str) -> list[str]:
        """Return the versions that change on a host."""
        versions, target = self.versions[host], self._find_target(host)
        if not target:
            return []
        if versions.current != target:
            before, after = versions.metadata.title, versions.previous_metadata.title
            return [f"{host}: components {before} {versions.current} -> {after} {target}"]
        if versions.previous or versions.find_others(target):
            return [f"{host}: finish the interrupted rollback to {target}"]
        return []

    def return_host(self, host: str) -> None:
        """Return one host to its bundle. Raises KprovError."""
        arguments, target = self.context.arguments, self._find_target(host)
        if not target:
            raise InputError(f"{host} has no previous bundle", field="--limit")
        return_hosts(
            self.context, {host: target}, command=arguments["gate"], timeout=arguments["gate_timeout"]
        )

    def _find_target(self, host: str) -> str:
        stored = RollbackProgress.read(self.context.memory).targets
        return stored.get(host) or self.versions[host].previous

    def _find_skew(self, hosts: list[str]) -> list[str]:
        cluster = self.context.cluster
        control_plane, nodes = set(cluster.members("kube_control_plane")), set(cluster.members("kube_node"))
        return find_skew(
            SkewHost(
                host,
                (versions.previous_metadata if host in hosts else versions.metadata).release,
                host in control_plane,
                host in nodes,
            )
            for host, versions in self.versions.items()
        )
