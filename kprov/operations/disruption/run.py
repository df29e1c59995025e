"""`kprov verify --disrupt`: the disruptions one after the other, with a health gate after each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kprov.errors import HostError, KprovError
from kprov.operations.cluster import GROUPS, Cluster, Say, open_cluster
from kprov.operations.disruption.remote_probe import RemoteProbe
from kprov.operations.disruption.targets import (
    DISRUPTIONS,
    Disruption,
    choose_probe_host,
    explain_impossible,
)
from kprov.operations.health import find_problems, wait_for, wait_until_healthy
from kprov.operations.operation import lock_cluster
from kprov.operations.remote import try_command
from kprov.operations.unreachable_hosts import connect_hosts
from kprov.playbook.results.run_result import Callbacks, RunOptions

#: Seconds for the cluster to become healthy again after a disruption.
RECOVERY_SECONDS = 300.0
#: Changes when the host boots: the kernel's boot, and the start of the host's first process.
_BOOT = "cat /proc/sys/kernel/random/boot_id && cut -d' ' -f22 /proc/1/stat"


@dataclass(frozen=True)
class DisruptionResult:
    """What a disruption did. Gaps are in seconds; `gap` is the one that counts against the budget.

    `state`: ok, failed (over budget, lost writes or no recovery), skipped (`detail` says why).
    """

    name: str
    title: str
    host: str
    state: str
    budget: float
    gap: float = 0.0
    read_gap: float = 0.0
    write_gap: float = 0.0
    lease_gap: float = 0.0
    lost_writes: int = 0
    recovered: float = 0.0
    measured_on: str = ""
    server: str = ""
    detail: str = ""

    @property
    def ok(self) -> bool:
        return self.state != "failed"

    def as_dict(self) -> dict[str, Any]:
        """Return the entry for `-o json`."""
        return asdict(self)


def disrupt_cluster(
    inventory: Path, budgets: Mapping[str, float], options: RunOptions, callbacks: Callbacks, say: Say
) -> Iterator[DisruptionResult]:
    """Kill one part after the other and yield what each did; stop if the cluster does not recover.

    Raises UnhealthyError if the cluster is not healthy at the beginning.
    """
    with open_cluster(inventory, options, callbacks) as cluster, lock_cluster(cluster.artifacts):
        connect_hosts(cluster, cluster.members(*GROUPS))
        hosts = cluster.members(*GROUPS)
        wait_until_healthy(cluster, hosts, RECOVERY_SECONDS)
        for disruption in DISRUPTIONS:
            result = _disrupt(cluster, disruption, budgets[disruption.name], say)
            yield result
            if result.detail and result.state == "failed":
                return


def _disrupt(cluster: Cluster, disruption: Disruption, budget: float, say: Say) -> DisruptionResult:
    target = disruption.find_host(cluster)
    reason = explain_impossible(cluster, disruption, target)
    if reason:
        return DisruptionResult(disruption.name, disruption.title, target, "skipped", budget, detail=reason)
    with RemoteProbe(cluster, choose_probe_host(cluster, target)) as probe:
        say(f"Killing {disruption.title} on {target}; measuring from {probe.host} at {probe.server}")
        holder = _read_holder(probe, disruption)
        boot = try_command(cluster, target, _BOOT).stdout
        started = time.monotonic()
        try_command(cluster, target, disruption.kill)
        detail = ""
        try:
            if disruption.name == "host":
                wait_for(lambda: _find_boot_problem(cluster, target, boot), RECOVERY_SECONDS)
            if disruption.lease:
                wait_for(lambda: _find_holder_problem(probe, disruption, holder), RECOVERY_SECONDS)
            wait_for(lambda: find_problems(cluster, cluster.members(*GROUPS)), RECOVERY_SECONDS)
            # A gap that lasts ends with the next answer.
            before = probe.read()
            wait_for(lambda: _find_silence(before, probe.read()), RECOVERY_SECONDS)
        except KprovError as error:
            detail = str(error)
        recovered = time.monotonic() - started
        measured = probe.read()
        lost = probe.count_lost_writes() if not detail else 0
    lease_gap = measured["leases"][disruption.lease]["gap"] if disruption.lease else 0.0
    gap = lease_gap if disruption.lease else max(measured["read_gap"], measured["write_gap"])
    return DisruptionResult(
        disruption.name,
        disruption.title,
        target,
        "failed" if detail or lost or gap > budget else "ok",
        budget,
        gap=gap,
        read_gap=measured["read_gap"],
        write_gap=measured["write_gap"],
        lease_gap=lease_gap,
        lost_writes=lost,
        recovered=round(recovered, 1),
        measured_on=probe.host,
        server=probe.server,
        detail=detail,
    )


def _read_holder(probe: RemoteProbe, disruption: Disruption) -> str:
    return str(probe.read()["leases"][disruption.lease]["holder"]) if disruption.lease else ""


def _find_holder_problem(probe: RemoteProbe, disruption: Disruption, holder: str) -> list[str]:
    """Return a line while the killed process still holds the lease, or no one does."""
    now = _read_holder(probe, disruption)
    return [f"{disruption.lease} has no new leader"] if now in ("", holder) else []


def _find_silence(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a line for each kind of request without an answer since then."""
    return [f"the API answers no {kind}" for kind in ("reads", "writes") if now[kind] <= before[kind]]


def _find_boot_problem(cluster: Cluster, host: str, boot: str) -> list[str]:
    """Return a line while the host has not booted again."""
    try:
        output = try_command(cluster, host, _BOOT)
    except HostError as error:
        return [str(error)]
    return [f"{host} has not rebooted"] if output.code != 0 or output.stdout == boot else []
