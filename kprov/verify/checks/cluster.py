"""Checks the cluster through its API: ready nodes, and leaders that renew their leases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kprov.verify.kubectl import Kubectl, KubectlError
from kprov.verify.model import Cluster, Finding

#: A leader counts as lost when it has not renewed its lease for so many times the lease's duration.
LEASE_STALE_FACTOR = 2
_LEASE_SECONDS = 15
#: Seconds to wait for a new leader; candidates retry every 2 to 4.4 s.
HANDOVER_SECONDS = 10.0


def check_nodes(kubectl: Kubectl, cluster: Cluster) -> Iterator[Finding]:
    """Yield a finding for each node: ready, or the message of its condition."""
    nodes_by_name = {node["metadata"]["name"]: node for node in kubectl.get("nodes")["items"]}
    for host in cluster.in_group("kube_node"):
        yield judge_node(host.node, nodes_by_name.get(host.node))


def judge_node(name: str, node: dict[str, Any] | None) -> Finding:
    """Judge a Node object (None: there is none)."""
    if node is None:
        return Finding(f"node {name}", ok=False, detail="not registered", starting=True)
    conditions = {condition["type"]: condition for condition in node["status"].get("conditions", [])}
    ready = conditions.get("Ready", {"status": "Unknown", "message": "no Ready condition"})
    version = node["status"].get("nodeInfo", {}).get("kubeletVersion", "")
    if ready["status"] != "True":
        detail = f"not ready: {ready.get('message') or ready.get('reason')}"
        return Finding(f"node {name}", ok=False, detail=detail, starting=True)
    pressed = [
        kind for kind, condition in conditions.items() if kind != "Ready" and condition["status"] == "True"
    ]
    return Finding(f"node {name}", ok=not pressed, detail=", ".join(pressed) or f"Ready, {version}")


def is_ready(node: dict[str, Any]) -> bool:
    """Whether a Node object has the condition Ready."""
    conditions = node.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def check_leaders(kubectl: Kubectl, cluster: Cluster) -> Iterator[Finding]:
    """Check that controller manager and scheduler have a leader. Wait for a change of the leader."""
    del cluster
    for component in ("kube-controller-manager", "kube-scheduler"):
        try:
            lease = _await_lease_holder(kubectl, component)
        except KubectlError as error:
            yield Finding(f"{component} leader", ok=False, detail=str(error), starting=True)
            continue
        yield judge_lease(component, lease["spec"], datetime.now(UTC))


def _await_lease_holder(kubectl: Kubectl, component: str) -> dict[str, Any]:
    deadline = time.monotonic() + HANDOVER_SECONDS
    while True:
        lease = kubectl.get(f"--namespace=kube-system lease {component}")
        if lease["spec"].get("holderIdentity") or time.monotonic() >= deadline:
            return lease
        time.sleep(0.5)


def judge_lease(component: str, spec: dict[str, Any], now: datetime) -> Finding:
    """Judge a Lease's spec at a time."""
    name = f"{component} leader"
    holder = spec.get("holderIdentity") or ""
    if not holder:
        return Finding(name, ok=False, detail="no component holds the lease", starting=True)
    age = (now - datetime.fromisoformat(spec["renewTime"])).total_seconds()
    if age > LEASE_STALE_FACTOR * (spec.get("leaseDurationSeconds") or _LEASE_SECONDS):
        return Finding(name, ok=False, detail=f"{holder} has not renewed for {age:.0f} s", starting=True)
    return Finding(name, ok=True, detail=holder)
