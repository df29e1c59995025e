"""Drains nodes around a step of an operation; a node that the user had cordoned stays so."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from kprov.errors import KprovError
from kprov.operations.nodes.drain import make_drain_phase
from kprov.operations.nodes.uncordon import make_uncordon_phase
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.remote import get_objects, run_kubectl


def make_drain(context: OperationContext, host: str, has_work: Callable[[], bool]) -> Phase:
    """Return the phase that drains a host which has work. If it fails, the node is uncordoned again."""
    phase = make_drain_phase(context, host)

    def plan() -> list[str]:
        return list(phase.plan()) if has_work() else []

    def run() -> None:
        name = context.cluster.node_name(host)
        if context.memory.read(f"cordoned {host}") is None:
            node = get_objects(context.cluster, f"nodes {shlex.quote(name)}")
            context.memory.store(f"cordoned {host}", bool(node["spec"].get("unschedulable")))
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
        if context.memory.read(f"cordoned {host}") is False:
            return list(phase.plan())
        return [f"mark node {context.cluster.node_name(host)} as schedulable"] if will_drain() else []

    return Phase(phase.title, plan, lambda: uncordon(context, host))


def uncordon(context: OperationContext, host: str) -> None:
    """Let the scheduler use the node again if this operation drained it. Raises KprovError."""
    if context.memory.read(f"cordoned {host}") is False:
        run_kubectl(context.cluster, f"uncordon {shlex.quote(context.cluster.node_name(host))}")
        context.memory.store(f"cordoned {host}", None)
