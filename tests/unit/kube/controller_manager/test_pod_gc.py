"""Pods that nobody else removes, and the metrics about them."""

from typing import Any

from prometheus_client import REGISTRY

from kprov.kube.api.core import Pod
from kprov.kube.controller_manager.pod_gc import list_beyond_threshold


def make_ended_pod(name: str, created: str, reason: str = "") -> Pod:
    pod = Pod()
    pod.metadata.name, pod.metadata.creation_timestamp = name, created
    pod.status.phase, pod.status.reason = "Failed", reason
    return pod


def test_evicted_pods_go_first_then_the_oldest() -> None:
    pods = [
        make_ended_pod("new", "2026-01-03T00:00:00Z"),
        make_ended_pod("old", "2026-01-01T00:00:00Z"),
        make_ended_pod("evicted", "2026-01-02T00:00:00Z", "Evicted"),
    ]
    assert [pod.metadata.name for pod in list_beyond_threshold(pods, 1)] == ["evicted", "old"]
    assert list_beyond_threshold(pods, 0) == []
    assert list_beyond_threshold(pods, 3) == []


async def test_terminating_pods_without_a_kubelet_are_deleted(api: Any, start: Any) -> None:
    taint = {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}
    lost = {"conditions": [{"type": "Ready", "status": "Unknown"}]}
    await api.create("nodes", {"metadata": {"name": "lost"}, "spec": {"taints": [taint]}, "status": lost})
    await api.create("nodes", {"metadata": {"name": "slow"}, "spec": {}, "status": lost})
    deleted = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    for name, node in (("unbound", ""), ("on-lost", "lost"), ("on-slow", "slow")):
        spec = {"containers": [], **({"nodeName": node} if node else {})}
        body = {"metadata": {"name": name, **deleted}, "spec": spec, "status": {"phase": "Running"}}
        await api.create("pods", body, "gc-test")
    await start("pod-garbage-collector-controller")
    await api.until(lambda: len(api.list("pods", "gc-test")) == 1)
    assert api.list("pods", "gc-test")[0]["metadata"]["name"] == "on-slow"
    for reason in ("unscheduled", "out-of-service"):
        labels = {"namespace": "gc-test", "reason": reason}
        assert REGISTRY.get_sample_value("pod_gc_collector_force_delete_pods_total", labels) == 1
