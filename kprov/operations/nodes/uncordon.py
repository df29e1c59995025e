"""`kprov node uncordon`: let the scheduler use nodes again. Arguments: hosts."""

from __future__ import annotations

import shlex

from kprov.operations.nodes.selection import open_nodes
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.remote import get_objects, run_kubectl


def list_phases(context: OperationContext) -> list[Phase]:
    """Return a phase for each host."""
    return [make_uncordon_phase(context, host) for host in open_nodes(context)]


def make_uncordon_phase(context: OperationContext, host: str) -> Phase:
    """Return the phase that lets the scheduler use a host's node again. Other operations use it, too."""
    name = context.cluster.node_name(host)

    def plan() -> list[str]:
        node = get_objects(context.cluster, f"nodes {shlex.quote(name)}")
        return [f"mark node {name} as schedulable"] if node["spec"].get("unschedulable") else []

    def run() -> None:
        run_kubectl(context.cluster, f"uncordon {shlex.quote(name)}")

    return Phase(f"Uncordon {host}", plan, run)
