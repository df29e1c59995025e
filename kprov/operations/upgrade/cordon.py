"""Drains nodes around a step of an operation; a node that the user had cordoned stays so."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace

from kprov.errors import KprovError
from kprov.operations.nodes.drain import make_drain_phase
from kprov.operations.nodes.uncordon import make_uncordon_phase
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.remote import get_objects, run_kubectl
from kprov.operations.upgrade.progress import HostProgress


def make_drain(context: OperationContext, host: str, has_work: Callable[[], bool]) -> Phase:
    """Return the phase that drains a host which has work. If it fails, the node is uncordoned again."""
    phase = make_drain_phase(context, host)

    def plan() -> list[str]:
        return list(phase.plan()) if has_work() else []

    def run() -> None:
        name = context.cluster.node_name(host)
        if HostProgress.read(context.memory, host).cordoned is None:
            node = get_objects(context.cluster, f"nodes {shlex.quote(name)}")
            was_cordoned = bool(node["spec"].get("unschedulable"))
            _store_cordoned(context, host, was_cordoned=was_cordoned)
        try:
            phase.run()
        except KprovError:
            uncordon(context, host)
            raise

    return Phase(phase.title, plan, run)


def make_uncordon(context: OperationContext, host: str, will_drain: Callable[[], bool]) -> Phase:
    """Return the phase that uncordons what `make_drain` drained.

    `will_drain`: whether --plan must foresee that.
    """
    phase = make_uncordon_phase(context, host)

    def plan() -> list[str]:
        if HostProgress.read(context.memory, host).cordoned is False:
            return list(phase.plan())
        return [f"mark node {context.cluster.node_name(host)} as schedulable"] if will_drain() else []

    return Phase(phase.title, plan, lambda: uncordon(context, host))


def uncordon(context: OperationContext, host: str) -> None:
    """Let the scheduler use the node again if this operation drained it. Raises KprovError."""
    if HostProgress.read(context.memory, host).cordoned is False:
        run_kubectl(context.cluster, f"uncordon {shlex.quote(context.cluster.node_name(host))}")
        _store_cordoned(context, host, was_cordoned=None)


def _store_cordoned(context: OperationContext, host: str, *, was_cordoned: bool | None) -> None:
    progress = replace(HostProgress.read(context.memory, host), cordoned=was_cordoned)
    progress.store(context.memory, host)
