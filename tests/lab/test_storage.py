"""A claim without a class: its data outlives the pod, the kubelet and a power cut, and goes with the claim."""

from __future__ import annotations

from typing import Any

from tests.lab.conftest import Cluster, eventually
from tests.lab.workload import IMAGE

VOLUMES = "/var/lib/kprov/local-volumes"
#: Each start of the container adds a line.
WRITE = "echo started >> /data/log && exec sleep 3600"


def stateful_set(name: str) -> dict[str, Any]:
    """One replica, as a user other than root, with a claim of the default class."""
    labels = {"app": name}
    container = {
        "name": "main",
        "image": IMAGE,
        "command": ["/bin/sh", "-c", WRITE],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "serviceName": name,
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "securityContext": {"runAsUser": 1000, "fsGroup": 2000},
                    "containers": [container],
                },
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }


def test_data_outlives_the_pod_the_kubelet_and_the_host(cluster: Cluster, namespace: str) -> None:
    def wait_for_lines(count: int) -> str:
        """Wait until the container was started so often, and return its node."""

        def look() -> str:
            log = cluster.kubectl("exec", "-n", namespace, "db-0", "--", "cat", "/data/log", check=False)
            if log.split() != ["started"] * count:
                return ""
            return str(cluster.get("pod", "db-0", "-n", namespace)["spec"]["nodeName"])

        return eventually(f"{count} lines in the volume", look, timeout=60)

    cluster.apply(stateful_set("db"), namespace=namespace)
    node = wait_for_lines(1)
    claim = cluster.get("pvc", "data-db-0", "-n", namespace)
    volume = cluster.get("pv", claim["spec"]["volumeName"])
    assert claim["spec"]["storageClassName"] == "local-path"
    path = volume["spec"]["local"]["path"]
    assert path == f"{VOLUMES}/{volume['metadata']['name']}"
    assert cluster.lab.ssh(node, f"stat -c '%g %a' {path} {path}/log").split() == [
        "2000",
        "2777",
        "2000",
        "644",
    ]

    cluster.kubectl("delete", "pod", "db-0", "-n", namespace)
    assert wait_for_lines(2) == node

    cluster.lab.ssh(node, "systemctl restart kubelet")
    cluster.kubectl("delete", "pod", "db-0", "-n", namespace)
    assert wait_for_lines(3) == node

    cluster.lab.kill(node)
    cluster.lab.start(node)
    assert wait_for_lines(4) == node

    cluster.kubectl("delete", "statefulset", "db", "-n", namespace)
    cluster.kubectl("delete", "pvc", "data-db-0", "-n", namespace)
    name = volume["metadata"]["name"]
    eventually("no volume", lambda: not cluster.kubectl("get", "pv", name, "--ignore-not-found"))
    assert cluster.lab.ssh(node, f"ls {VOLUMES}") == ""


def test_a_claim_that_no_node_can_hold_says_why(cluster: Cluster, namespace: str) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "shared"},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "10Mi"}}},
    }
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "shared"}}
    container = {"name": "main", "image": IMAGE, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "user"},
        "spec": {"containers": [container], "volumes": [volume]},
    }
    cluster.apply(claim, pod, namespace=namespace)

    def find_problem() -> str:
        events = cluster.get("events", "-n", namespace, "--field-selector=reason=ProvisioningFailed")
        return next((str(event["message"]) for event in events["items"]), "")

    assert eventually("the event", find_problem) == (
        'failed to provision volume with StorageClass "local-path": access mode ReadWriteMany is not possible '
        "for a directory of one node; use ReadWriteOnce"
    )
