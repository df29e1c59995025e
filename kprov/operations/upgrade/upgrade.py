"""`kprov upgrade`: install the components of this kprov, host by host.

Arguments: to (see targets.py), limit, serial (workers at the same time), drain, grace_period, timeout and
force (of drains), packages, reboot, gate (a command), gate_timeout (seconds), rollback (after a failure).
"""

from __future__ import annotations

from dataclasses import dataclass

from kprov.content.locations import PLAYBOOKS
from kprov.errors import InputError
from kprov.inventory.host_patterns import apply_limit
from kprov.operations.cluster import GROUPS, Cluster
from kprov.operations.etcd_members import find_leader_host
from kprov.operations.health import find_problems, wait_for
from kprov.operations.host_versions import HostVersions, read_versions
from kprov.operations.membership import connect_cluster
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.preparation import prepare_cluster
from kprov.operations.skew import SkewHost, find_jumps, find_skew
from kprov.operations.upgrade.batches import read_serial, split_hosts
from kprov.operations.upgrade.cordon import make_drain, make_uncordon
from kprov.operations.upgrade.host_upgrade import BatchUpgrade
from kprov.operations.upgrade.progress import HostProgress, RollbackProgress, UpgradeProgress
from kprov.operations.upgrade.targets import Target, choose_targets, set_targets

_HEALTHY_SECONDS = 60.0


def list_phases(context: OperationContext) -> list[Phase]:
    """Return the checks, and for each batch of hosts: drain, upgrade, uncordon. Raises KprovError."""
    cluster, arguments = context.cluster, context.arguments
    connect_cluster(context)
    chosen = choose_hosts(cluster, arguments["limit"])
    targets = choose_targets(cluster, context.facts, arguments["to"], context.say)
    # etcd alone has no components.
    nodes = set(cluster.members("kube_control_plane", "kube_node"))
    targets = {host: target for host, target in targets.items() if host in nodes}
    versions = read_versions(cluster, context.facts, packages=arguments["packages"])
    batches = [
        BatchUpgrade(context, batch, versions, targets)
        for batch in order_batches(cluster, chosen, arguments["serial"], choose_last(context))
    ]
    upgrade = Upgrade(context, batches, versions, targets)
    upgrade.check_versions()
    phases = [
        Phase("Check the cluster", upgrade.plan_check, upgrade.check),
        Phase("Prepare the cluster", upgrade.plan_preparation, upgrade.prepare),
        Phase("Unpack the bundles", upgrade.plan_unpacking, upgrade.unpack),
    ]
    for batch in batches:
        phases += _list_batch_phases(context, batch)
    return phases


def choose_hosts(cluster: Cluster, limit: str | None) -> list[str]:
    """Return the reachable hosts of the limit. Raises InputError if there are none."""
    members = cluster.members(*GROUPS)
    hosts = apply_limit(cluster.engine.inventory, members, limit) if limit else members
    hosts = [host for host in hosts if host not in cluster.engine.unreachable_hosts]
    if not hosts:
        raise InputError(f"{limit!r} leaves no reachable host of {', '.join(GROUPS)}", field="--limit")
    return hosts


def choose_last(context: OperationContext) -> str:
    """Return the host of etcd's leader, "" if it is unknown. A resumed upgrade keeps its order.

    The leader of the moment would be another one after each member that the upgrade restarts.
    """
    progress = UpgradeProgress.find(context.memory)
    if progress is None:
        progress = UpgradeProgress(find_leader_host(context.cluster))
        progress.store(context.memory)
    return progress.leader


def order_batches(cluster: Cluster, hosts: list[str], serial: str, leader: str = "") -> list[list[str]]:
    """Return etcd's hosts and the control plane one by one, then workers by number or percentage.

    The host of etcd's leader is the last of etcd's hosts: etcd then elects one other leader, not one for each
    host.
    """
    control_plane = [host for host in cluster.members("kube_control_plane") if host in hosts]
    etcd = [host for host in cluster.members("etcd") if host in hosts and host not in control_plane]
    workers = [host for host in hosts if host not in control_plane and host not in etcd]
    size = read_serial(serial, len(cluster.members("kube_node")))
    core = sorted([*etcd, *control_plane], key=lambda host: host == leader)
    return split_hosts(core, 1) + split_hosts(workers, size)


def _list_batch_phases(context: OperationContext, batch: BatchUpgrade) -> list[Phase]:
    nodes = set(context.cluster.members("kube_node")) if context.arguments["drain"] else set()
    drained = [host for host in batch.hosts if host in nodes]

    def will_drain(host: str) -> bool:
        return HostProgress.read(context.memory, host).cordoned is None and batch.has_work(host)

    return [
        *(make_drain(context, host, lambda host=host: batch.has_work(host)) for host in drained),  # type: ignore[misc]
        Phase(f"Upgrade {', '.join(batch.hosts)}", batch.plan, batch.run),
        *(make_uncordon(context, host, lambda host=host: will_drain(host)) for host in drained),  # type: ignore[misc]
    ]


@dataclass
class Upgrade:
    """What the phases before those of hosts need. `versions` and `targets`: of all reachable hosts."""

    context: OperationContext
    batches: list[BatchUpgrade]
    versions: dict[str, HostVersions]
    targets: dict[str, Target]

    def check_versions(self) -> None:
        """Check skew and storage formats. Raises InputError."""
        hosts = self._list_hosts()
        problems = self._find_skew(hosts)
        if problems:
            raise InputError("this upgrade is not supported:\n" + "\n".join(f"  {line}" for line in problems))
        one_way = self._find_one_way()
        if one_way and self.context.arguments["rollback"]:
            text = "\n".join(f"  {line}" for line in one_way)
            raise InputError(f"--no-rollback accepts that:\n{text}", field="--no-rollback")

    def plan_check(self) -> list[str]:
        """Return what is checked and what the user must know beforehand."""
        return ["check the health of the cluster", *self._find_one_way()] if self._list_hosts() else []

    def check(self) -> None:
        """Wait until the cluster is healthy, unless the upgrade has begun. Raises UnhealthyError."""
        memory, cluster = self.context.memory, self.context.cluster
        if not any(HostProgress.read(memory, host).begun for host in self._list_hosts()):
            wait_for(lambda: find_problems(cluster, self.context.facts), _HEALTHY_SECONDS)
        # A rollback that this upgrade takes over from.
        RollbackProgress().store(memory)

    def plan_preparation(self) -> list[str]:
        """Return the preparation, if any host has work."""
        return ["check the hosts, renew certificates"] if self._list_hosts() else []

    def prepare(self) -> None:
        """Check the hosts and issue certificates as `kprov up` does. Raises KprovError."""
        prepare_cluster(self.context.cluster, self.context.say, keep_pins=False)
        set_targets(self.context.cluster, self.targets)

    def plan_unpacking(self) -> list[str]:
        """Return the hosts that get another bundle."""
        return [
            f"{host}: {self.targets[host].archive.name}"
            for host in self._list_hosts()
            if host in self.targets and self.versions[host].current != self.targets[host].digest
        ]

    def unpack(self) -> None:
        """Put the new bundle beside the one in use. Raises KprovError."""
        hosts = [line.partition(":")[0] for line in self.plan_unpacking()]
        self.context.run_playbook(hosts, playbook=PLAYBOOKS / "unpack_bundle.yml")

    def _list_hosts(self) -> list[str]:
        return [host for batch in self.batches for host in batch.hosts if batch.has_work(host)]

    def _find_one_way(self) -> list[str]:
        """Return the hosts for which a rollback will be impossible, a line each."""
        lines = []
        for host in self._list_hosts():
            before, target = self.versions[host].metadata, self.targets.get(host)
            if target is not None and not before.can_read(target.metadata):
                lines.append(
                    f"{host}: a rollback will be impossible: {target.metadata.title} writes storage format "
                    f"{target.metadata.storage_writes}, which {before.title} cannot read"
                )
        return lines

    def _find_skew(self, hosts: list[str]) -> list[str]:
        cluster = self.context.cluster
        control_plane, nodes = set(cluster.members("kube_control_plane")), set(cluster.members("kube_node"))
        releases = {host: versions.metadata.release for host, versions in self.versions.items()}
        after = releases | {
            host: self.targets[host].metadata.release for host in hosts if host in self.targets
        }
        jumps = find_jumps(
            {host: releases[host] for host in hosts},
            {host: after[host] for host in hosts if host in self.targets},
        )
        return jumps + find_skew(
            SkewHost(host, after[host], host in control_plane, host in nodes) for host in after
        )
