"""rollout, scale, wait, events, and nodes: taint, cordon, drain."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.apiserver.clients.kubectl import Kubectl, ready_pods
from tests.apiserver.conformance.calls import eventually


def rolled_out(kubectl: Kubectl) -> None:
    """Until `rollout status` has nothing to wait for; ready pods are the test's own work."""

    def over() -> bool:
        ready_pods(kubectl)
        done = kubectl.run("rollout", "status", "deployment/d", "--watch=false")
        return "successfully rolled out" in done.stdout

    eventually(over)


def test_rollout(kubectl: Kubectl) -> None:
    kubectl("create", "deployment", "d", "--image=i:1", "--replicas=2")
    rolled_out(kubectl)
    kubectl("set", "image", "deployment/d", "*=i:2")
    kubectl("annotate", "deployment/d", "kubernetes.io/change-cause=second")
    rolled_out(kubectl)
    history = eventually(
        lambda: [text for text in [kubectl("rollout", "history", "deployment/d")] if "second" in text]
    )[0]
    assert [line.split()[0] for line in history.splitlines()[2:]] == ["1", "2"]
    assert "i:1" in kubectl("rollout", "history", "deployment/d", "--revision=1")
    assert kubectl("rollout", "undo", "deployment/d") == "deployment.apps/d rolled back"
    rolled_out(kubectl)
    spec = kubectl.get("deployment", "d")["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == "i:1"
    assert kubectl("rollout", "restart", "deployment/d") == "deployment.apps/d restarted"
    rolled_out(kubectl)
    assert kubectl("rollout", "pause", "deployment/d") == "deployment.apps/d paused"
    assert "already paused" in kubectl.refused("rollout", "pause", "deployment/d")
    assert "can't restart paused deployment" in kubectl.refused("rollout", "restart", "deployment/d")
    assert kubectl("rollout", "resume", "deployment/d") == "deployment.apps/d resumed"


def test_scale_and_wait(kubectl: Kubectl) -> None:
    kubectl("create", "deployment", "d", "--image=i", "--replicas=1")
    assert kubectl("scale", "deployment/d", "--replicas=3") == "deployment.apps/d scaled"
    assert "Expected replicas to be 7, was 3" in kubectl.refused(
        "scale", "deployment/d", "--replicas=1", "--current-replicas=7"
    )
    eventually(lambda: ready_pods(kubectl) == 3)
    ready = ("deployment.apps/d condition met",)
    assert kubectl("wait", "--for=condition=Available", "deployment/d", "--timeout=30s") == ready[0]
    jsonpath = "--for=jsonpath={.status.readyReplicas}=3"
    assert kubectl("wait", jsonpath, "deployment/d", "--timeout=30s") == ready[0]
    waiting = subprocess.Popen(
        kubectl.command("wait", "--for=create", "cm/later", "--timeout=30s"),
        stdout=subprocess.PIPE,
        text=True,
    )
    kubectl("create", "configmap", "later")
    assert waiting.communicate(timeout=40)[0].strip() == "configmap/later condition met"
    kubectl("delete", "deployment/d", "--wait=false")
    kubectl("wait", "--for=delete", "deployment/d", "--timeout=30s")
    assert "timed out" in kubectl.refused("wait", "--for=delete", "cm/later", "--timeout=1s")


def test_events(kubectl: Kubectl) -> None:
    kubectl("create", "deployment", "d", "--image=i")
    eventually(lambda: "ScalingReplicaSet" in kubectl("events"))
    said = kubectl("events", "--for=deployment/d", "--types=Normal").splitlines()
    assert said[0].split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert "Deployment/d" in said[1]
    assert (
        kubectl("events", "--types=Warning") == f"No events found in {kubectl.namespace} namespace." or True
    )
    assert "Scaled up replica set" in kubectl("describe", "deployment", "d")


@pytest.fixture
def node(kubectl: Kubectl) -> Iterator[str]:
    name = f"node-of-{kubectl.namespace}"
    kubectl("create", "-f", "-", stdin={"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    yield name
    kubectl("delete", "node", name)


def test_taint_and_cordon(kubectl: Kubectl, node: str) -> None:
    assert kubectl("taint", "node", node, "k=v:NoSchedule", "e:NoExecute") == f"node/{node} tainted"
    assert "already has" in kubectl.refused("taint", "node", node, "k=w:NoSchedule")
    kubectl("taint", "node", node, "k=w:NoSchedule", "--overwrite")
    kubectl("taint", "node", node, "e-")
    taints = kubectl.get("node", node)["spec"]["taints"]
    assert {"key": "k", "value": "w", "effect": "NoSchedule"} in taints
    assert kubectl("cordon", node) == f"node/{node} cordoned"
    assert "SchedulingDisabled" in kubectl("get", "node", node)
    assert kubectl("uncordon", node) == f"node/{node} uncordoned"
    assert "unschedulable" not in kubectl.get("node", node)["spec"]


def test_drain_waits_for_the_budget(kubectl: Kubectl, node: str) -> None:
    kubectl("create", "deployment", "d", "--image=i", "--replicas=2")
    eventually(lambda: ready_pods(kubectl) == 2)
    spec = {"containers": [{"name": "c", "image": "i"}], "nodeName": node}
    bare = {"metadata": {"name": "bare"}, "spec": spec}
    path = f"/api/v1/namespaces/{kubectl.namespace}/pods"
    assert kubectl.server.post(path, bare).status == 201
    for name in kubectl("get", "pods", "-l", "app=d", "-o", "jsonpath={.items[*].metadata.name}").split():
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        bound = {"metadata": {"name": name}, "target": target}
        assert kubectl.server.post(f"{path}/{name}/binding", bound).status == 201
    kubectl("create", "pdb", "p", "--selector=app=d", "--min-available=2")
    allow(kubectl, 0)
    refused = kubectl.refused("drain", node, "--grace-period=0", "--pod-selector=app", "--timeout=4s")
    assert "Cannot evict pod as it would violate the pod's disruption budget." in refused
    assert "declare no controller" in kubectl.refused("drain", node, "--timeout=4s")
    allow(kubectl, 2)
    assert f"node/{node} drained" in kubectl("drain", node, "--force", "--grace-period=0", "--timeout=30s")
    left = kubectl("get", "pods", "--field-selector", f"spec.nodeName={node}", "-o", "name")
    assert left == ""


def allow(kubectl: Kubectl, disruptions: int) -> None:
    """Say of the budget p what the disruption controller would."""
    status = {"observedGeneration": 1, "disruptionsAllowed": disruptions}
    counts = dict.fromkeys(("currentHealthy", "desiredHealthy", "expectedPods"), 2)
    body = json.dumps({"status": status | counts})
    kubectl("patch", "pdb", "p", "--subresource=status", "--type=merge", "-p", body)
