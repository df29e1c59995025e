"""The probe: a workload that pods on all nodes reach by its service name; removed afterwards."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from kprov.verify.checks.cluster import is_ready
from kprov.verify.kubectl import Kubectl, KubectlError
from kprov.verify.model import Cluster, Finding

PROBE_IMAGE = "kprov.io/probe:1"
#: Time limit of the probe in seconds, with a margin for a healthy cluster.
PROBE_SECONDS = 30.0
_POLL_SECONDS = 0.5


def make_check(
    unreachable: frozenset[str], seconds: float
) -> Callable[[Kubectl, Cluster], Iterator[Finding]]:
    """Return the check for one verification.

    unreachable: hosts on whose nodes no pod is created, because it would only time out.
    seconds: how long the probe may take, at least PROBE_SECONDS.
    """

    def run(kubectl: Kubectl, cluster: Cluster) -> Iterator[Finding]:
        ready = {node["metadata"]["name"] for node in kubectl.get("nodes")["items"] if is_ready(node)}
        tried = []
        for host in cluster.in_group("kube_node"):
            reason = "its host is unreachable" if host.name in unreachable else "the node is not ready"
            if host.name in unreachable or host.node not in ready:
                yield Finding(f"service from {host.node}", ok=False, detail=f"not tried: {reason}")
            else:
                tried.append(host.node)
        if tried:
            yield from _run_probe(kubectl, tried, cluster.dns_domain, max(seconds, PROBE_SECONDS))

    return run


def _run_probe(kubectl: Kubectl, nodes: list[str], dns_domain: str, seconds: float) -> Iterator[Finding]:
    namespace = f"kprov-verify-{secrets.token_hex(3)}"
    started = time.monotonic()
    try:
        _apply_objects(kubectl, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}])
        if not _await_service_account(kubectl, namespace, started + seconds):
            detail = f"namespace {namespace} has no service account after {seconds:.0f} s"
            yield Finding("service account", ok=False, detail=detail)
            return
        _apply_objects(kubectl, probe_objects(namespace, nodes, dns_domain))
        yield from _await_clients(kubectl, namespace, nodes, started, seconds)
    finally:
        kubectl.run(f"delete namespace {namespace} --wait=false --ignore-not-found")


def _apply_objects(kubectl: Kubectl, objects: list[dict[str, Any]]) -> None:
    kubectl.run("apply --filename=-", stdin="\n".join(json.dumps(obj) for obj in objects))


def _await_service_account(kubectl: Kubectl, namespace: str, deadline: float) -> bool:
    """Wait for the pods' service account: without it, the API server rejects them."""
    while True:
        try:
            kubectl.run(f"--namespace={namespace} get serviceaccount default")
        except KubectlError as error:
            if "NotFound" not in str(error):
                raise
        else:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)


def _await_clients(
    kubectl: Kubectl, namespace: str, nodes: list[str], started: float, seconds: float
) -> Iterator[Finding]:
    pending = dict.fromkeys(nodes, "its pod did not appear")
    while True:
        for pod in kubectl.get(f"--namespace={namespace} pods")["items"]:
            node = pod["metadata"]["name"].removeprefix("client-")
            if node not in pending:
                continue
            if pod.get("status", {}).get("phase") == "Succeeded":
                del pending[node]
                yield Finding(f"service from {node}", ok=True, detail=f"{time.monotonic() - started:.1f} s")
            else:
                pending[node] = explain_pod(pod)
        if not pending or time.monotonic() - started >= seconds:
            break
        time.sleep(_POLL_SECONDS)
    for node, reason in sorted(pending.items()):
        yield Finding(f"service from {node}", ok=False, detail=reason)


def explain_pod(pod: dict[str, Any]) -> str:
    """Explain from a pod's status why it has not succeeded."""
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
    """Return the probe's objects: servers on these nodes, their service, and a client pod for each node."""
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
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [server], "affinity": _only_on(nodes), **grace},
                },
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


def _only_on(nodes: list[str]) -> dict[str, Any]:
    requirement = {"key": "kubernetes.io/hostname", "operator": "In", "values": nodes}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
