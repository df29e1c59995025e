"""Whom a pod that fits nowhere preempts: nodes, pods and budgets in, a node and its victims out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kprov.kube.api.core import Pod
from kprov.kube.api.policy import PodDisruptionBudget
from kprov.kube.scheduler import pod_info
from kprov.kube.scheduler.filtering import run_filters
from kprov.kube.scheduler.framework import CycleState, PostFilterResult
from kprov.kube.scheduler.nominator import Nominator
from kprov.kube.scheduler.plugins.default_preemption import DefaultPreemption
from kprov.kube.scheduler.preemption.budgets import build_budgets
from kprov.kube.scheduler.preemption.candidates import CandidateLimits, find_candidates
from kprov.kube.scheduler.preemption.selection import select_candidate
from tests.unit.kube.scheduler.test_decisions import ZONE, Lab, node, pod


def running(name: str, priority: int, *, cpu: str = "1", started: int = 0, **more: Any) -> Pod:
    """A pod with a start time in seconds."""
    made = pod(name, cpu=cpu, priority=priority, **more)
    made.status.start_time = f"2026-01-01T00:{started // 60:02}:{started % 60:02}Z"
    return made


def budget(allowed: int, labels: dict[str, str], disrupted: Sequence[str] = ()) -> PodDisruptionBudget:
    spec = {"selector": {"matchLabels": labels}}
    status = {"disruptionsAllowed": allowed, "disruptedPods": dict.fromkeys(disrupted, "")}
    meta = {"name": "b", "namespace": "ns"}
    return msgspec.convert({"metadata": meta, "spec": spec, "status": status}, PodDisruptionBudget)


class Cluster(Lab):
    """Places pods where the test says."""

    def __init__(self, *nodes: Any, budgets: Sequence[PodDisruptionBudget] = ()) -> None:
        super().__init__(*nodes)
        self.nominator = Nominator()
        self.budgets = budgets

    def put(self, on: str, *pods: Pod) -> None:
        for each in pods:
            self.state.add_pod(pod_info.build_pod_info(each), on)

    def make_cycle(self, each: Pod) -> CycleState:
        info = pod_info.build_pod_info(each)
        return CycleState(info, self.state, nominator=self.nominator, profile=self.profile)

    def find_victims(self, preemptor: Pod) -> dict[str, list[str]]:
        """Names of the victims by node."""
        cycle = self.make_cycle(preemptor)
        filtered = run_filters(cycle)
        assert not filtered.feasible.any()
        found, _ = find_candidates(
            cycle,
            filtered.resolvable,
            build_budgets(self.budgets),
            CandidateLimits(),
            random.Random(1),
        )
        return {each.node: [info.pod.metadata.name for info in each.victims.pods] for each in found}

    def preempt(self, preemptor: Pod) -> PostFilterResult:
        cycle = self.make_cycle(preemptor)
        plugin = DefaultPreemption(lambda: self.budgets)
        return asyncio.run(plugin.post_filter(cycle, run_filters(cycle)))


def test_only_lower_pods_are_victims_and_only_as_many_as_are_needed() -> None:
    cluster = Cluster(node("n", cpu="4"))
    pods = [("equal", 10), ("low", 1), ("lower", 0), ("middle", 5)]
    cluster.put("n", *(running(name, priority) for name, priority in pods))
    assert cluster.find_victims(pod("p", cpu="2", priority=10)) == {"n": ["low", "lower"]}


def test_of_equal_pods_the_one_that_runs_longer_stays() -> None:
    cluster = Cluster(node("n", cpu="2"))
    cluster.put("n", running("young", 0, started=50), running("old", 0, started=10))
    assert cluster.find_victims(pod("p", cpu="1", priority=1)) == {"n": ["young"]}


def test_an_important_small_pod_stays_where_a_larger_one_must_go() -> None:
    cluster = Cluster(node("n", cpu="4"))
    cluster.put("n", running("small", 5, cpu="1"), running("large", 1, cpu="3"))
    assert cluster.find_victims(pod("p", cpu="3", priority=10)) == {"n": ["large"]}


def test_the_state_is_the_same_afterwards() -> None:
    cluster = Cluster(node("n", cpu="2"))
    ports = [{"containerPort": 80, "hostPort": 80}]
    cluster.put("n", running("a", 0, ports=ports), running("b", 1))
    before = cluster.state.requested.copy(), set(cluster.state.pods)
    assert cluster.find_victims(pod("p", cpu="2", priority=9, ports=ports)) == {"n": ["b", "a"]}
    assert (cluster.state.requested == before[0]).all()
    assert set(cluster.state.pods) == before[1]
    assert "free ports" in cluster.schedule_pod(pod("other", ports=ports)).diagnosis.message


def test_pods_that_a_budget_protects_are_the_last_victims() -> None:
    """Within a node the others go first. Among nodes, one whose victims violate no budget is chosen."""
    protected = {"app": "db"}
    cluster = Cluster(node("a", cpu="2"), node("b", cpu="1"), budgets=[budget(0, protected)])
    cluster.put("a", running("db", 0, labels=protected), running("web", 5, labels={"app": "web"}))
    cluster.put("b", running("db2", 0, labels=protected))
    preemptor = pod("p", cpu="1", priority=10)
    assert cluster.find_victims(preemptor) == {"a": ["web"], "b": ["db2"]}
    assert cluster.preempt(preemptor).node == "a"


def test_a_budget_allows_as_many_victims_as_it_says() -> None:
    labels = {"app": "db"}
    cluster = Cluster(node("n", cpu="3"), budgets=[budget(1, labels, disrupted=["gone"])])
    pods = [running(name, 0, started=number, labels=labels) for number, name in enumerate("xyz")]
    cluster.put("n", *pods)
    # The budget is charged for the most important pod first, which therefore violates nothing.
    assert cluster.find_victims(pod("p", cpu="1", priority=1)) == {"n": ["x"]}


def test_nodes_that_preemption_cannot_help_are_left_alone() -> None:
    taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    cluster = Cluster(
        node("tainted", taints=[taint]),
        node("small", cpu="1"),
        node("empty", pods="0"),
        node("high", cpu="2"),
    )
    cluster.put("small", running("a", 0))
    cluster.put("high", running("b", 100, cpu="2"))
    result = cluster.preempt(pod("p", cpu="2", priority=10))
    assert result.node == ""
    assert result.message == (
        "preemption: 0/4 nodes are available: 2 No preemption victims found for incoming pod, "
        "2 Preemption is not helpful for scheduling."
    )


def test_the_reason_is_named_when_the_removal_of_all_lower_pods_is_not_enough() -> None:
    cluster = Cluster(node("n", cpu="4"))
    cluster.put("n", running("high", 100, cpu="3"), running("low", 0))
    assert cluster.preempt(pod("p", cpu="2", priority=10)).message == (
        "preemption: 0/1 nodes are available: 1 Insufficient cpu."
    )


def test_pods_with_anti_affinity_are_preempted_on_their_node() -> None:
    term = {"labelSelector": {"matchLabels": {"app": "p"}}, "topologyKey": "kubernetes.io/hostname"}
    far = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    cluster = Cluster(node("n"))
    cluster.put("n", running("hostile", 0, affinity=far), running("friendly", 0))
    assert cluster.find_victims(pod("p", priority=1, labels={"app": "p"})) == {"n": ["hostile"]}


def test_pods_on_other_nodes_are_never_victims() -> None:
    """A pod of the same zone repels the pod: only the node where it is can be preempted."""
    term = {"labelSelector": {"matchLabels": {"app": "p"}}, "topologyKey": ZONE}
    far = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    cluster = Cluster(node("a", labels={ZONE: "1"}), node("b", labels={ZONE: "1"}))
    cluster.put("a", running("hostile", 0, affinity=far))
    cluster.put("b", running("other", 0))
    assert cluster.find_victims(pod("p", priority=1, labels={"app": "p"})) == {"a": ["hostile"]}


def test_extended_resources_are_freed_like_others() -> None:
    cluster = Cluster(node("n"))
    cluster.state.set_node(node("n"))
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


def test_a_pod_with_the_policy_never_preempts_nobody() -> None:
    cluster = Cluster(node("n", cpu="1"))
    cluster.put("n", running("low", 0))
    result = cluster.preempt(pod("p", cpu="1", priority=9, preemptionPolicy="Never"))
    assert result.node is None
    assert result.message == "preemption: not eligible due to preemptionPolicy=Never."


def test_a_pod_waits_for_the_victims_it_has_chosen() -> None:
    cluster = Cluster(node("a", cpu="1"), node("b", cpu="1"))
    victim = running("victim", 0)
    cluster.put("a", victim)
    cluster.put("b", running("other", 0))
    preemptor = pod("p", cpu="1", priority=9)
    cluster.nominator.add(pod_info.build_pod_info(preemptor), "a")
    victim.metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
    assert cluster.preempt(preemptor).node in ("a", "b")  # it is terminating for another reason
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
    victim.status = msgspec.convert({"conditions": [condition]}, type(victim.status))
    result = cluster.preempt(preemptor)
    assert result.node is None
    assert result.message == "preemption: not eligible due to a terminating pod on the nominated node."


def test_nominated_pods_hold_their_place() -> None:
    """For pods of their priority and lower ones. A higher pod ignores them."""
    cluster = Cluster(node("n", cpu="2"))
    nominated = pod("nominated", cpu="2", priority=5)
    cluster.nominator.add(pod_info.build_pod_info(nominated), "n")

    def schedule(preemptor: Pod) -> str:
        return cluster.schedule_pod(preemptor, cluster.nominator).node

    assert schedule(pod("equal", cpu="1", priority=5)) == ""
    assert schedule(pod("higher", cpu="1", priority=6)) == "n"
    assert schedule(nominated) == "n"
    decision = cluster.schedule_pod(pod("low", cpu="1", priority=1), cluster.nominator)
    assert decision.diagnosis.message == "0/1 nodes are available: 1 Insufficient cpu."


def test_a_nominated_pod_takes_its_node_even_if_others_are_better() -> None:
    cluster = Cluster(node("a"), node("b"), node("c"))
    cluster.put("b", running("busy", 0, cpu="3"))
    nominated = pod("p", cpu="1", priority=5)
    cluster.nominator.add(pod_info.build_pod_info(nominated), "b")
    assert cluster.schedule_pod(nominated, cluster.nominator).node == "b"


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
        cluster.state.set_node(node(f"n{number}", cpu=str(capacity)))
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
    preemptor = pod("p", cpu=str(cpu), priority=priority)
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


@settings(max_examples=100, deadline=None)
@given(
    pods=st.lists(st.tuples(st.integers(1, 3), st.sampled_from([0, 80, 81])), max_size=5),
    cpu=st.integers(1, 4),
    port=st.sampled_from([0, 80]),
)
def test_the_check_of_one_node_agrees_with_the_filter_of_all(
    pods: list[tuple[int, int]], cpu: int, port: int
) -> None:
    def make(name: str, cpu: int, port: int) -> Pod:
        return pod(name, cpu=str(cpu), ports=[{"containerPort": 1, "hostPort": port}] if port else [])

    lab = Lab(node("n", cpu="6", pods="4"))
    for number, (each_cpu, each_port) in enumerate(pods):
        lab.state.add_pod(pod_info.build_pod_info(make(f"p{number}", each_cpu, each_port)), "n")
    cycle = CycleState(pod_info.build_pod_info(make("new", cpu, port)), lab.state)
    slot = lab.state.slot_of["n"]
    for plugin in lab.profile.filters:
        rejected = any(rejection.slots[slot] for rejection in plugin.filter(cycle))
        assert plugin.accepts_node(cycle, slot) is not rejected, plugin.name


def test_enough_candidates_end_the_search() -> None:
    assert CandidateLimits().count(5) == 5
    assert CandidateLimits().count(500) == 100
    assert CandidateLimits().count(5000) == 500
    cluster = Cluster(*(node(f"n{number}", cpu="1") for number in range(200)))
    for number in range(200):
        cluster.put(f"n{number}", running(f"p{number}", 0))
    assert len(cluster.find_victims(pod("p", cpu="1", priority=1))) == 100


def test_the_best_candidate_is_chosen_by_the_start_of_its_most_important_victims() -> None:
    cluster = Cluster(node("a", cpu="2"), node("b", cpu="2"))
    cluster.put("a", running("a1", 3, started=10), running("a2", 2, started=900))
    cluster.put("b", running("b1", 3, started=20), running("b2", 2, started=5))
    cycle = cluster.make_cycle(pod("p", cpu="2", priority=9))
    filtered = run_filters(cycle)
    found, _ = find_candidates(cycle, filtered.resolvable, [], CandidateLimits(), random.Random(1))
    assert select_candidate(found).node == "b"
