"""Upstream's conformance entries of preemption."""

from __future__ import annotations

from typing import Final

import pytest

from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.scheduling.conftest import NODES, Space

_FAKE: Final = "kubelet: a fake one reports the pods"
_FINALIZER: Final = "example.com/test-finalizer"


def fill_nodes(space: Space) -> list[str]:
    """Two pods on each node that use four fifths of it. The first pod has the lowest priority."""
    names: list[str] = []
    for node in NODES:
        space.add_resource(node, 5)
        for _ in range(2):
            name = f"pod-{len(names)}"
            space.create_pod(name, amount=2, priority="medium" if names else "low", node=node)
            names.append(name)
    space.run_pods(*names)
    return names


def check_victims(space: Space, names: list[str]) -> None:
    """The first pod is preempted, and no other."""
    assert space.is_preempted(names[0])
    assert not any(space.is_preempted(name) for name in names[1:])


@pytest.mark.entry("SchedulerPreemption validates basic preemption works", without=_FAKE)
def test_a_pod_of_high_priority_preempts_one_of_low_priority(space: Space) -> None:
    names = fill_nodes(space)
    space.create_pod("preemptor", amount=2, priority="high")
    space.run_pods("preemptor")
    check_victims(space, names)


@pytest.mark.entry(
    "SchedulerPreemption validates lower priority pod preemption by critical pod", without=_FAKE
)
def test_a_critical_pod_preempts_one_of_low_priority(space: Space) -> None:
    names = fill_nodes(space)
    name = f"critical-{space.name}"
    space.create_pod(name, amount=2, priority="system-cluster-critical", namespace="kube-system")
    try:
        eventually(lambda: space.is_running(name, "kube-system"))
        check_victims(space, names)
    finally:
        ok(space.server, "DELETE", f"/api/v1/namespaces/kube-system/pods/{name}?gracePeriodSeconds=0")


@pytest.mark.entry(
    "SchedulerPreemption validates pod disruption condition is added to the preempted pod", without=_FAKE
)
def test_a_preempted_pod_has_the_disruption_condition(space: Space) -> None:
    node = NODES[0]
    space.add_resource(node, 1)
    space.create_pod("victim", amount=1, priority="low", node=node, meta={"finalizers": [_FINALIZER]})
    space.run_pods("victim")
    preemptor = space.create_pod("preemptor", amount=1, priority="high", node=node)
    eventually(lambda: space.is_preempted("victim"))
    condition = space.get_condition("victim", "DisruptionTarget")
    assert condition is not None
    assert (condition["status"], condition["reason"], condition["message"]) == (
        "True",
        "PreemptionByScheduler",
        "default-scheduler: preempting to accommodate a higher priority pod",
    )
    eventually(lambda: space.list_events("victim", "Preempted"))
    uid = preemptor["metadata"]["uid"]
    assert space.list_events("victim", "Preempted") == [f"Preempted by pod {uid} on node {node}"]
    merge(space.server, f"{space.pods}/victim", {"metadata": {"finalizers": None}})
    space.run_pods("preemptor")


def wait_for_replica(space: Space, path: str) -> None:
    eventually(lambda: ok(space.server, "GET", path)["status"].get("readyReplicas") == 1)


@pytest.mark.entry(
    "SchedulerPreemption PreemptionExecutionPath runs ReplicaSets to verify preemption running path",
    without=_FAKE,
)
def test_replica_sets_replace_their_preempted_pods(space: Space) -> None:
    """1000 of a node are taken by 200, 300 and 450. A pod that wants 500 preempts the first two."""
    node = NODES[0]
    space.add_resource(node, 1000)
    classes = "/apis/scheduling.k8s.io/v1/priorityclasses"
    for value in range(1, 5):
        ok(space.server, "POST", classes, {"metadata": {"name": f"{space.name}-p{value}"}, "value": value})
    sets = f"/apis/apps/v1/namespaces/{space.name}/replicasets"
    selector = {"kubernetes.io/hostname": node}

    def list_pods(number: int) -> list[str]:
        found = ok(space.server, "GET", f"{space.pods}?labelSelector=name%3Dpod{number}")["items"]
        return [pod["metadata"]["uid"] for pod in found]

    seen: dict[int, set[str]] = {}
    for number, amount in ((1, 200), (2, 300), (3, 450)):
        labels = {"name": f"pod{number}"}
        pod = space.build_pod(
            "",
            amount=amount,
            priority=f"{space.name}-p{number}",
            nodeSelector=selector,
            meta={"labels": labels},
        )
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}
        ok(space.server, "POST", sets, {"metadata": {"name": f"rs-pod{number}"}, "spec": spec})
        wait_for_replica(space, f"{sets}/rs-pod{number}")
        seen[number] = set(list_pods(number))
    space.create_pod("pod4", amount=500, priority=f"{space.name}-p4", nodeSelector=selector)

    def has_replaced(number: int) -> bool:
        seen[number] |= set(list_pods(number))
        return len(seen[number]) >= 2

    eventually(lambda: has_replaced(1) and has_replaced(2))
    space.run_pods("pod4")
    for number, pods in ((1, 2), (2, 2), (3, 1)):
        has_replaced(number)
        assert len(seen[number]) == pods, f"rs-pod{number}"
