"""Several schedulers in one process: each pod is scheduled by the profile that it names."""

from __future__ import annotations

from collections import Counter

from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.scheduling.conftest import NODES, Space


def create_pods(space: Space, scheduler: str) -> list[str]:
    """Four pods that request CPU."""
    names = [f"{scheduler}-{number}" for number in range(4)]
    for name in names:
        container = {
            "name": "c",
            "image": "registry.k8s.io/pause:3.10",
            "resources": {"requests": {"cpu": "10", "memory": "10Gi"}},
        }
        spec = {"schedulerName": scheduler, "containers": [container]}
        ok(space.server, "POST", space.pods, {"metadata": {"name": name}, "spec": spec})
        space.run_pods(name)
    return names


def test_a_profile_scores_by_its_arguments(space: Space) -> None:
    nodes = [space.get_pod(name)["spec"]["nodeName"] for name in create_pods(space, "default-scheduler")]
    assert Counter(nodes) == dict.fromkeys(NODES, 2)
    nodes = [space.get_pod(name)["spec"]["nodeName"] for name in create_pods(space, "packing")]
    assert len(set(nodes)) == 1
    events = ok(space.server, "GET", f"/api/v1/namespaces/{space.name}/events")["items"]
    components = {
        event["involvedObject"]["name"]: event.get("reportingComponent")
        for event in events
        if event["reason"] == "Scheduled"
    }
    assert components["packing-0"] == "packing"
    assert components["default-scheduler-0"] == "default-scheduler"
    ok(space.server, "DELETE", f"{space.pods}?gracePeriodSeconds=0")


def test_a_profile_without_preemption_preempts_nobody(space: Space) -> None:
    for node in NODES:
        space.add_resource(node, 1)
    for number in range(2):
        space.create_pod(f"low-{number}", amount=1, priority="low")
    space.run_pods("low-0", "low-1")
    space.create_pod("high", amount=1, priority="high", schedulerName="packing")

    def get_message() -> str:
        condition = space.get_condition("high", "PodScheduled")
        return str(condition.get("message")) if condition else ""

    assert eventually(get_message) == f"0/2 nodes are available: 2 Insufficient {space.resource}."
    assert not space.is_preempted("low-0")
    assert not space.is_preempted("low-1")


def test_pods_of_other_schedulers_are_left_alone(space: Space) -> None:
    space.add_resource(NODES[0], 2)
    space.create_pod("theirs", amount=1, priority="high", schedulerName="somebody-else")
    space.create_pod("ours", amount=1, priority="low")
    space.run_pods("ours")
    theirs = space.get_pod("theirs")
    assert not theirs["spec"].get("nodeName")
    assert not theirs["status"].get("conditions")
