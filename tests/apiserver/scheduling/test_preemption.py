"""Preemption as users see it: conditions, nominations, budgets."""

from __future__ import annotations

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.scheduling.conftest import NODES, Space


def wait_for_message(space: Space, name: str, text: str) -> None:
    """Wait until the condition PodScheduled says exactly this."""

    seen: list[str] = []

    def has_message() -> bool:
        condition = space.get_condition(name, "PodScheduled")
        seen.append(str(condition and condition.get("message")))
        return seen[-1] == text

    try:
        eventually(has_message)
    except AssertionError:
        pytest.fail(f"the last message is: {seen[-1]}")


def create_budget(space: Space, labels: dict[str, str], available: int) -> None:
    budgets = f"/apis/policy/v1/namespaces/{space.name}/poddisruptionbudgets"
    spec = {"minAvailable": available, "selector": {"matchLabels": labels}}
    ok(space.server, "POST", budgets, {"metadata": {"name": "budget"}, "spec": spec})

    def is_counted() -> bool:
        status = ok(space.server, "GET", f"{budgets}/budget").get("status", {})
        return bool(status.get("currentHealthy", 0) >= available)

    eventually(is_counted)


def test_a_pod_that_fits_nowhere_says_why_preemption_does_not_help(space: Space) -> None:
    for node in NODES:
        space.add_resource(node, 1)
        space.create_pod(f"on-{node}", amount=1, priority="high", node=node)
    space.run_pods(*(f"on-{node}" for node in NODES))
    space.create_pod("late", amount=1, priority="high")
    wait_for_message(
        space,
        "late",
        f"0/2 nodes are available: 2 Insufficient {space.resource}. no new claims to "
        "deallocate, preemption: 0/2 nodes are available: "
        "2 No preemption victims found for incoming pod.",
    )
    space.create_pod("large", amount=2, priority="high")
    wait_for_message(
        space,
        "large",
        f"0/2 nodes are available: 2 Insufficient {space.resource}. no new claims to "
        "deallocate, preemption: 0/2 nodes are available: "
        "2 Preemption is not helpful for scheduling.",
    )
    assert eventually(lambda: space.list_events("large", "FailedScheduling"))


def test_a_pod_whose_class_never_preempts_waits(space: Space) -> None:
    space.add_resource(NODES[0], 1)
    space.create_pod("low", amount=1, priority="low")
    space.run_pods("low")
    body = {"metadata": {"name": f"{space.name}-calm"}, "value": 5000, "preemptionPolicy": "Never"}
    ok(space.server, "POST", "/apis/scheduling.k8s.io/v1/priorityclasses", body)
    space.create_pod("calm", amount=1, priority=f"{space.name}-calm")
    wait_for_message(
        space,
        "calm",
        f"0/2 nodes are available: 2 Insufficient {space.resource}. "
        "no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.",
    )
    assert not space.is_preempted("low")
    ok(space.server, "DELETE", f"{space.pods}/low")
    space.run_pods("calm")


def test_pods_that_a_budget_protects_stay_while_others_can_go(space: Space) -> None:
    protected: JsonObject = {"labels": {"app": "db"}}
    for node, name, meta in ((NODES[0], "db", protected), (NODES[1], "web", {"labels": {"app": "web"}})):
        space.add_resource(node, 1)
        priority = "low" if name == "db" else "medium"
        space.create_pod(name, amount=1, priority=priority, node=node, meta=meta)
    space.run_pods("db", "web")
    create_budget(space, {"app": "db"}, 1)
    space.create_pod("first", amount=1, priority="high")
    space.run_pods("first")
    assert space.is_preempted("web")
    assert not space.is_preempted("db")
    # A budget is no guarantee: without another way the protected pod goes, too.
    space.create_pod("second", amount=1, priority="high")
    space.run_pods("second")
    assert space.is_preempted("db")


def test_a_pod_is_nominated_until_its_victims_are_gone(space: Space) -> None:
    """Pods of lower priority do not take the space that becomes free, and a higher one takes the nomination."""
    node = NODES[0]
    space.add_resource(node, 1)
    space.kubelet.hold(space.name)
    space.create_pod("victim", amount=1, priority="low", node=node)
    space.run_pods("victim")
    space.create_pod("middle", amount=1, priority="medium")

    def get_nomination(name: str) -> str:
        return str(space.get_pod(name)["status"].get("nominatedNodeName", ""))

    eventually(lambda: get_nomination("middle") == node)
    space.create_pod("late", amount=1, priority="low")
    space.create_pod("high", amount=1, priority="high")
    eventually(lambda: get_nomination("high") == node)
    space.kubelet.let_go(space.name)
    space.run_pods("high")
    assert not get_nomination("high")
    eventually(lambda: not get_nomination("middle"))
    assert not space.get_pod("middle")["spec"].get("nodeName")
    assert not space.get_pod("late")["spec"].get("nodeName")


def test_host_ports_are_freed_by_preemption(space: Space) -> None:
    space.add_resource(NODES[0], 5)
    port = {"ports": [{"containerPort": 80, "hostPort": 54321}]}
    for name, priority in (("low", "low"), ("high", "high")):
        body = space.build_pod(name, amount=1, priority=priority)
        body["spec"]["containers"][0] |= port
        ok(space.server, "POST", space.pods, body)
        space.run_pods(name)
    assert space.is_preempted("low")
