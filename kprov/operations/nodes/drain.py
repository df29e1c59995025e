"""`kprov node drain`: evict the pods of nodes, with respect to PodDisruptionBudgets.

Arguments: hosts, grace_period (seconds; -1: that of each pod), timeout (seconds, of each host; 0: none),
force (also delete pods that no controller replaces). Data of emptyDir volumes is lost; the plan names its
pods.
"""

from __future__ import annotations

import shlex
from typing import Any

from kprov.operations.cluster import Cluster
from kprov.operations.nodes.selection import open_nodes
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.remote import get_objects, run_kubectl

_MIRROR = "kubernetes.io/config.mirror"


def list_phases(context: OperationContext) -> list[Phase]:
    """Return a phase for each host."""
    return [make_drain_phase(context, host) for host in open_nodes(context)]


def make_drain_phase(context: OperationContext, host: str, node: str = "") -> Phase:
    """Return the phase that drains a host's node. Other operations use it, too.

    `node` is the node's name if the inventory does not have the host.
    """
    name = node or context.cluster.node_name(host)

    def plan() -> list[str]:
        return describe_drain(context.cluster, name)

    def run() -> None:
        drain_node(context, name)

    return Phase(f"Drain {host}", plan, run)


def describe_drain(cluster: Cluster, name: str) -> list[str]:
    """Return what a drain of the node would do."""
    document = get_objects(cluster, f"nodes {shlex.quote(name)} --ignore-not-found")
    if not document:
        return []
    lines = [] if document["spec"].get("unschedulable") else [f"mark node {name} as unschedulable"]
    pods = get_objects(cluster, f"pods -A --field-selector=spec.nodeName={shlex.quote(name)}")["items"]
    for pod in pods:
        text = describe_pod(pod)
        if text:
            lines.append(text)
    return lines


def describe_pod(pod: dict[str, Any]) -> str:
    """Return how a drain treats a pod; empty if it leaves it on the node."""
    meta = pod["metadata"]
    owners = meta.get("ownerReferences") or []
    if any(owner["kind"] == "DaemonSet" for owner in owners) or _MIRROR in (meta.get("annotations") or {}):
        return ""
    text = f"evict pod {meta['namespace']}/{meta['name']}"
    if any("emptyDir" in volume for volume in pod["spec"].get("volumes") or []):
        text += ", which loses the data of its emptyDir volumes"
    if not any(owner.get("controller") for owner in owners):
        text += ", which no controller replaces"
    return text


def drain_node(context: OperationContext, name: str) -> None:
    """Run `kubectl drain`. Raises KprovError that names the pods which could not be evicted."""
    arguments = context.arguments
    options = [
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        f"--grace-period={int(arguments.get('grace_period', -1))}",
        f"--timeout={int(arguments.get('timeout', 0))}s",
    ]
    if arguments.get("force"):
        options.append("--force")
    output = run_kubectl(context.cluster, f"drain {shlex.quote(name)} {' '.join(options)}")
    for line in output.splitlines():
        context.say(f"  {line}")
