"""Whom a pod that fits nowhere preempts: nodes, pods and budgets in, a node and its victims out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.preemption.candidates import CandidateLimits
from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import ZONE
from tests.unit.kube.scheduler.preemption_lab import Cluster, budget, running


def test_nodes_that_preemption_cannot_help_are_left_alone() -> None:
    taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    cluster = Cluster(
        view_node("tainted", taints=[taint]),
        view_node("small", cpu="1"),
        view_node("empty", pods="0"),
        view_node("high", cpu="2"),
    )
    cluster.put("small", running("a", 0))
    cluster.put("high", running("b", 100, cpu="2"))
    result = cluster.preempt(view_pod("p", cpu="2", priority=10))
    assert result.node == ""
    assert result.message == (
        "preemption: 0/4 nodes are available: 2 No preemption victims found for incoming pod, "
        "2 Preemption is not helpful for scheduling."
    )


def test_the_reason_is_named_when_the_removal_of_all_lower_pods_is_not_enough() -> None:
    cluster = Cluster(view_node("n", cpu="4"))
    cluster.put("n", running("high", 100, cpu="3"), running("low", 0))
    assert cluster.preempt(view_pod("p", cpu="2", priority=10)).message == (
        "preemption: 0/1 nodes are available: 1 Insufficient cpu."
    )


def test_pods_with_anti_affinity_are_preempted_on_their_node() -> None:
    term = {"labelSelector": {"matchLabels": {"app": "p"}}, "topologyKey": "kubernetes.io/hostname"}
    far = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    cluster = Cluster(view_node("n"))
    cluster.put("n", running("hostile", 0, affinity=far), running("friendly", 0))
    assert cluster.find_victims(view_pod("p", priority=1, labels={"app": "p"})) == {"n": ["hostile"]}


def test_pods_on_other_nodes_are_never_victims() -> None:
    """A pod of the same zone repels the pod: only the node where it is can be preempted."""
    term = {"labelSelector": {"matchLabels": {"app": "p"}}, "topologyKey": ZONE}
    far = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    cluster = Cluster(view_node("a", labels={ZONE: "1"}), view_node("b", labels={ZONE: "1"}))
    cluster.put("a", running("hostile", 0, affinity=far))
    cluster.put("b", running("other", 0))
    assert cluster.find_victims(view_pod("p", priority=1, labels={"app": "p"})) == {"a": ["hostile"]}


def test_extended_resources_are_freed_like_others() -> None:
    cluster = Cluster(view_node("n"))
    cluster.state.set_node(view_node("n"))
    found = cluster.state.nodes[cluster.state.slot_of["n"]]
    assert found is not None
    found.status.allocatable["example.com/gpu"] = "5"
    cluster.state.set_node(found)

    def with_gpus(name: str, priority: int) -> Pod:
        made = running(name, priority)
        made.spec.containers[0].resources.requests["example.com/gpu"] = "2"
        return made

    cluster.put("n", with_gpus("low", 1), with_gpus("medium", 100))
    assert cluster.schedule_pod(with_gpus("p", 1000)).diagnosis.message == (
        "0/1 nodes are available: 1 Insufficient example.com/gpu."
    )
    assert cluster.find_victims(with_gpus("p", 1000)) == {"n": ["low"]}


@dataclass(frozen=True)
class Existing:
    """A pod of the property test."""

    priority: int
    cpu: int
    started: int
    protected: bool


def choose_plainly(
    nodes: list[tuple[int, list[Existing]]], priority: int, cpu: int, allowed: int
) -> dict[int, tuple[int, list[int]]]:
    """Number of violations and victims by node, one pod after the other."""
    result = {}
    for number, (capacity, pods) in enumerate(nodes):
        lower = [index for index, each in enumerate(pods) if each.priority < priority]
        used = sum(each.cpu for index, each in enumerate(pods) if index not in lower)
        if cpu > capacity or not lower or used + cpu > capacity:
            continue
        lower.sort(key=lambda index: (-pods[index].priority, pods[index].started))
        left, violating = allowed, set()
        for index in lower:
            if pods[index].protected:
                left -= 1
                if left < 0:
                    violating.add(index)
        victims = []
        for index in [each for each in lower if each in violating] + [
            each for each in lower if each not in violating
        ]:
            if used + pods[index].cpu + cpu <= capacity:
                used += pods[index].cpu
            else:
                victims.append(index)
        victims.sort(key=lambda index: (-pods[index].priority, pods[index].started))
        result[number] = (sum(index in violating for index in victims), victims)
    return result


def rank_plainly(nodes: list[tuple[int, list[Existing]]], number: int, found: Any) -> tuple[int, ...]:
    """The smaller the better."""
    violations, victims = found[number]
    pods = [nodes[number][1][index] for index in victims]
    highest = pods[0].priority
    start = min(each.started for each in pods if each.priority == highest)
    return violations, highest, sum(each.priority + 2**31 for each in pods), len(pods), -start


_EXISTING = st.builds(
    Existing,
    priority=st.integers(-2, 4),
    cpu=st.integers(1, 3),
    started=st.integers(0, 3000),
    protected=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(
    nodes=st.lists(
        st.tuples(st.integers(1, 8), st.lists(_EXISTING, max_size=6, unique_by=lambda each: each.started)),
        min_size=1,
        max_size=6,
    ),
    priority=st.integers(0, 4),
    cpu=st.integers(1, 6),
    allowed=st.integers(0, 2),
)
def test_the_choice_is_that_of_a_plain_search(
    nodes: list[tuple[int, list[Existing]]], priority: int, cpu: int, allowed: int
) -> None:
    cluster = Cluster(budgets=[budget(allowed, {"app": "db"})])
    full = []
    for number, (size, pods) in enumerate(nodes):
        used = sum(each.cpu for each in pods)
        # No node has space for the preemptor, some do not even without their pods.
        capacity = size if used <= size < used + cpu else max(used, 1)
        full.append((capacity, pods))
        cluster.state.set_node(view_node(f"n{number}", cpu=str(capacity)))
        for index, each in enumerate(pods):
            labels = {"app": "db"} if each.protected else {"app": "web"}
            made = running(
                f"{number}-{index}",
                each.priority,
                cpu=str(each.cpu),
                started=each.started,
                labels=labels,
            )
            cluster.put(f"n{number}", made)
    preemptor = view_pod("p", cpu=str(cpu), priority=priority)
    if cluster.schedule_pod(preemptor).node:
        return  # an empty node: nobody has to go
    expected = choose_plainly(full, priority, cpu, allowed)
    found = cluster.find_victims(preemptor)
    assert found == {
        f"n{number}": [f"{number}-{index}" for index in victims] for number, (_, victims) in expected.items()
    }
    chosen = cluster.preempt(preemptor).node
    assert bool(chosen) == bool(expected)
    if chosen:
        ranks = {number: rank_plainly(full, number, expected) for number in expected}
        assert ranks[int(chosen[1:])] == min(ranks.values())


def test_enough_candidates_end_the_search() -> None:
    assert CandidateLimits().count(5) == 5
    assert CandidateLimits().count(500) == 100
    assert CandidateLimits().count(5000) == 500
    cluster = Cluster(*(view_node(f"n{number}", cpu="1") for number in range(200)))
    for number in range(200):
        cluster.put(f"n{number}", running(f"p{number}", 0))
    assert len(cluster.find_victims(view_pod("p", cpu="1", priority=1))) == 100
