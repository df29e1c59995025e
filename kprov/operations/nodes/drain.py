"""`kprov node drain`: evict the pods of nodes, with respect to PodDisruptionBudgets.

Arguments: hosts, grace_period (seconds; -1: that of each pod), timeout (seconds, of each host; 0: none),
force (also delete pods that no controller replaces). Data of emptyDir volumes is lost; the plan names its
pods.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

from kprov.errors import InputError
from kprov.operations.cluster import Cluster
from kprov.operations.nodes.eviction import evict_pods
from kprov.operations.nodes.selection import open_nodes
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.remote import get_objects

_MIRROR = "kubernetes.io/config.mirror"
_FINISHED = ("Succeeded", "Failed")


def list_phases(context: OperationContext) -> list[Phase]:
    """Return a phase for each host."""
    hosts = open_nodes(context)
    require_controllers(context, [context.cluster.node_name(host) for host in hosts])
    return [make_drain_phase(context, host) for host in hosts]


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
    return lines + [text for pod in list_pods(cluster, name) if (text := describe_pod(pod))]


def list_pods(cluster: Cluster, name: str) -> list[dict[str, Any]]:
    """Return the pods of a node."""
    line = f"pods -A --field-selector=spec.nodeName={shlex.quote(name)}"
    items: list[dict[str, Any]] = get_objects(cluster, line)["items"]
    return items


def describe_pod(pod: dict[str, Any]) -> str:
    """Return how a drain treats a pod; empty if it leaves it on the node. The rules are those of kubectl."""
    meta = pod["metadata"]
    controller = find_controller(pod)
    if _MIRROR in (meta.get("annotations") or {}):
        return ""
    text = f"evict pod {meta['namespace']}/{meta['name']}"
    if is_finished(pod):
        return f"{text}, which has finished"
    if controller is not None and controller["kind"] == "DaemonSet":
        return ""
    losses = []
    if any("emptyDir" in volume for volume in pod["spec"].get("volumes") or []):
        losses.append("which loses the data of its emptyDir volumes")
    if controller is None:
        losses.append("which no controller replaces")
    return ", ".join([text, " and ".join(losses)]) if losses else text


def is_finished(pod: dict[str, Any]) -> bool:
    """Whether all containers of the pod have ended for good."""
    return pod.get("status", {}).get("phase") in _FINISHED


def find_controller(pod: dict[str, Any]) -> dict[str, Any] | None:
    """Return the reference to the pod's controller; None if it has none."""
    owners = pod["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), None)


def is_irreplaceable(pod: dict[str, Any]) -> bool:
    """Whether a drain deletes the pod only with --force, because no controller creates another one."""
    is_mirror = _MIRROR in (pod["metadata"].get("annotations") or {})
    return not is_mirror and not is_finished(pod) and find_controller(pod) is None


def require_controllers(context: OperationContext, nodes: Iterable[str]) -> None:
    """Raise InputError, without --force, if a drain of these nodes would delete pods for good."""
    if context.arguments.get("force"):
        return
    pods = [
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']} ({name})"
        for name in nodes
        for pod in list_pods(context.cluster, name)
        if is_irreplaceable(pod)
    ]
    if pods:
        raise InputError(
            f"refused, no pod was evicted: no controller replaces {', '.join(pods)}. Delete what you do not "
            "need, or repeat with --force, which deletes all of them",
            field="HOST",
        )


def drain_node(context: OperationContext, name: str) -> None:
    """Evict the pods of a node. Raises KprovError that names the pods which could not be evicted."""
    arguments = context.arguments
    options = [
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        f"--grace-period={int(arguments.get('grace_period', -1))}",
    ]
    if arguments.get("force"):
        options.append("--force")
    evict_pods(context.cluster, name, options, int(arguments.get("timeout", 0)), context.say)
