"""The cluster through its API: nodes ready, leaders that renew, and a workload reached over its name."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kprov.verify.kubectl import Kubectl, KubectlError
from kprov.verify.model import Cluster, Finding

PROBE_IMAGE = "kprov.io/probe:1"
#: A leader that has not renewed for this long is gone; leases last 15 s.
LEASE_STALE_SECONDS = 30
#: A lease that was let go is asked for by the others every 2 to 4.4 s.
HANDOVER_SECONDS = 10.0
PROBE_TIMEOUT_SECONDS = 90


def nodes(kubectl: Kubectl, cluster: Cluster) -> Iterator[Finding]:
    """A finding a node: registered and Ready, or the condition's own words."""
    found = {node["metadata"]["name"]: node for node in kubectl.get("nodes")["items"]}
    for host in cluster.in_group("kube_node"):
        yield judge_node(host.node, found.get(host.node))


def judge_node(name: str, node: dict[str, Any] | None) -> Finding:
    """One Node object (None: there is none)."""
    if node is None:
        return Finding(f"node {name}", ok=False, detail="not registered")
    conditions = {condition["type"]: condition for condition in node["status"].get("conditions", [])}
    ready = conditions.get("Ready", {"status": "Unknown", "message": "no Ready condition"})
    version = node["status"].get("nodeInfo", {}).get("kubeletVersion", "")
    if ready["status"] != "True":
        return Finding(
            f"node {name}", ok=False, detail=f"not ready: {ready.get('message') or ready.get('reason')}"
        )
    pressed = [
        kind for kind, condition in conditions.items() if kind != "Ready" and condition["status"] == "True"
    ]
    return Finding(f"node {name}", ok=not pressed, detail=", ".join(pressed) or f"Ready, {version}")


def leaders(kubectl: Kubectl, cluster: Cluster) -> Iterator[Finding]:
    """Controller manager and scheduler have a leader that renews its lease; a handover is waited for."""
    del cluster
    for component in ("kube-controller-manager", "kube-scheduler"):
        try:
            lease = _taken_lease(kubectl, component)
        except KubectlError as error:
            yield Finding(f"{component} leader", ok=False, detail=str(error))
            continue
        yield judge_lease(component, lease["spec"], datetime.now(UTC))


def _taken_lease(kubectl: Kubectl, component: str) -> dict[str, Any]:
    deadline = time.monotonic() + HANDOVER_SECONDS
    while True:
        lease = kubectl.get(f"--namespace=kube-system lease {component}")
        if lease["spec"].get("holderIdentity") or time.monotonic() >= deadline:
            return lease
        time.sleep(0.5)


def judge_lease(component: str, spec: dict[str, Any], now: datetime) -> Finding:
    """A Lease's spec at a time."""
    name = f"{component} leader"
    holder = spec.get("holderIdentity") or ""
    if not holder:
        return Finding(name, ok=False, detail="nobody holds the lease")
    age = (now - datetime.fromisoformat(spec["renewTime"])).total_seconds()
    if age > LEASE_STALE_SECONDS:
        return Finding(name, ok=False, detail=f"{holder} has not renewed for {age:.0f} s")
    return Finding(name, ok=True, detail=holder)


def probe(kubectl: Kubectl, cluster: Cluster) -> Iterator[Finding]:
    """A web server behind a service, fetched by name from a pod on every node; removed at the end."""
    namespace = f"kprov-verify-{secrets.token_hex(3)}"
    objects = probe_objects(
        namespace, [host.node for host in cluster.in_group("kube_node")], cluster.dns_domain
    )
    started = time.monotonic()
    try:
        kubectl.run("apply --filename=-", stdin="\n".join(json.dumps(obj) for obj in objects))
        yield from _await_clients(kubectl, namespace, started)
    finally:
        kubectl.run(f"delete namespace {namespace} --wait=false --ignore-not-found")


def _await_clients(kubectl: Kubectl, namespace: str, started: float) -> Iterator[Finding]:
    pending: dict[str, str] = {}
    done: set[str] = set()
    while time.monotonic() - started < PROBE_TIMEOUT_SECONDS:
        pods = kubectl.get(f"--namespace={namespace} pods")["items"]
        for pod in pods:
            name = pod["metadata"]["name"]
            if name in done or not name.startswith("client-"):
                continue
            phase = pod.get("status", {}).get("phase", "Pending")
            node = name.removeprefix("client-")
            if phase == "Succeeded":
                done.add(name)
                pending.pop(node, None)
                yield Finding(f"service from {node}", ok=True, detail=f"{time.monotonic() - started:.1f} s")
            else:
                pending[node] = why_not(pod)
        if pods and not pending:
            return
        time.sleep(0.5)
    for node, reason in sorted(pending.items()):
        yield Finding(f"service from {node}", ok=False, detail=reason)
    if not pending and not done:
        yield Finding("service", ok=False, detail="the probe's pods did not appear")


def why_not(pod: dict[str, Any]) -> str:
    """What keeps a pod from having succeeded, in the words of its status."""
    status = pod.get("status", {})
    for container in status.get("containerStatuses", []):
        state = container.get("state", {})
        waiting = state.get("waiting")
        if waiting:
            return f"{waiting.get('reason')}: {waiting.get('message', '')}".strip(": ")
        if state.get("running"):
            return "its pod runs, but did not reach the service by name"
        terminated = state.get("terminated")
        if terminated and terminated.get("exitCode"):
            return f"its pod ended with {terminated['exitCode']}: {terminated.get('message', '')}".strip(": ")
    for condition in status.get("conditions", []):
        if condition["status"] == "False" and condition.get("message"):
            return str(condition["message"])
    return f"its pod is {status.get('phase', 'Pending')}"


def probe_objects(namespace: str, nodes: list[str], dns_domain: str) -> list[dict[str, Any]]:
    """Everything the probe needs: namespace, server, service and a client pod a node."""
    labels = {"app": "kprov-verify"}
    everywhere = [{"operator": "Exists"}]
    server = {
        "name": "server",
        "image": PROBE_IMAGE,
        "command": [
            "/bin/sh",
            "-c",
            "mkdir /tmp/www && echo kprov > /tmp/www/index.html && httpd -f -p 8080 -h /tmp/www",
        ],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }
    url = f"http://probe.{namespace}.svc.{dns_domain}/"
    client = {
        "name": "client",
        "image": PROBE_IMAGE,
        "command": ["/bin/sh", "-c", f"until wget -q -T 2 -O - {url} | grep -q kprov; do sleep 0.3; done"],
    }
    grace = {"terminationGracePeriodSeconds": 0}
    items: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "probe", "namespace": namespace},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "probe", "namespace": namespace},
            "spec": {
                "replicas": min(2, len(nodes)),
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [server], **grace}},
            },
        },
    ]
    items += [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"client-{node}", "namespace": namespace},
            "spec": {
                "containers": [client],
                "restartPolicy": "Never",
                "nodeSelector": {"kubernetes.io/hostname": node},
                "tolerations": everywhere,
                **grace,
            },
        }
        for node in nodes
    ]
    return items
