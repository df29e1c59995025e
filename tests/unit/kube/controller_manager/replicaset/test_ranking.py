"""Deletion ranking and status of replica sets."""

from typing import Any

from kprov.kube.api.apps import ReplicaSet
from kprov.kube.api.core import Pod
from kprov.kube.controller_manager.framework.expectations import Expectations
from kprov.kube.controller_manager.replicaset import status
from kprov.kube.controller_manager.replicaset.ranking import rank_pods_to_delete
from kprov.kube.machinery import timestamps
from tests.builders.containers import build_container
from tests.builders.pods import view_pod

NOW = timestamps.seconds("2026-01-01T12:00:00Z")


def pod(name: str, node: str = "n1", ready: str = "2026-01-01T00:00:00Z", **changes: Any) -> Pod:
    """changes: `created`, `annotations`, `phase`, `restarts`, `sidecar_restarts`."""
    return view_pod(
        name,
        metadata={
            "creationTimestamp": changes.get("created", "2026-01-01T00:00:00Z"),
            "annotations": changes.get("annotations", {}),
        },
        status={
            "phase": changes.get("phase", "Running"),
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": ready}] if ready else [],
            "containerStatuses": [{"name": "c", "restartCount": changes.get("restarts", 0)}],
            "initContainerStatuses": [{"name": "proxy", "restartCount": changes.get("sidecar_restarts", 0)}],
        },
        nodeName=node,
        initContainers=[build_container("proxy", restartPolicy="Always")],
    )


def first(*pods: Pod) -> str:
    return rank_pods_to_delete(pods, pods, 1, NOW)[0].metadata.name


def test_what_is_lost_first() -> None:
    assert first(pod("on a node"), pod("nowhere", node="")) == "nowhere"
    assert first(pod("running"), pod("pending", phase="Pending")) == "pending"
    assert first(pod("ready"), pod("not ready", ready="")) == "not ready"
    cost = {"controller.kubernetes.io/pod-deletion-cost": "-5"}
    assert first(pod("dear"), pod("cheap", annotations=cost)) == "cheap"
    assert first(pod("a"), pod("b", node="n2"), pod("c", node="n2")) in {"b", "c"}
    assert first(pod("old"), pod("fresh", ready="2026-01-01T11:59:00Z")) == "fresh"
    assert first(pod("steady"), pod("restarted", restarts=3)) == "restarted"
    assert first(pod("steady"), pod("sidecar restarted", sidecar_restarts=3)) == "sidecar restarted"
    assert first(pod("older"), pod("newer", created="2026-01-01T11:00:00Z")) == "newer"


def test_status_counts_and_keeps_the_failure() -> None:
    rs = ReplicaSet()
    rs.spec.replicas = 3
    rs.spec.min_ready_seconds = 3600
    rs.spec.template = {"metadata": {"labels": {}}}
    pods = [pod("a"), pod("b", ready=""), pod("c", ready="2026-01-01T11:59:00Z")]
    document = status.calculate_status(rs, pods, 1, "quota", NOW, "stamp")
    assert (document["replicas"], document["readyReplicas"], document["availableReplicas"]) == (3, 2, 1)
    assert document["terminatingReplicas"] == 1
    assert [entry["reason"] for entry in document["conditions"]] == ["FailedDelete"]


def test_expectations_hold_a_sync_back_until_seen() -> None:
    expectations = Expectations()
    expectations.expect_creations("k", 2)
    expectations.observe_creation("k")
    assert not expectations.are_satisfied("k")
    expectations.observe_creation("k")
    assert expectations.are_satisfied("k")
    expectations.expect_deletions("k", ["u"])
    expectations.observe_deletion("k", "another")
    assert not expectations.are_satisfied("k")
    expectations.observe_deletion("k", "u")
    assert expectations.are_satisfied("k")
