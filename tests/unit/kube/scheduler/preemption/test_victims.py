"""The victims on a node: as few and as unimportant pods as possible."""

from __future__ import annotations

from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.preemption_lab import Cluster, running


def test_only_lower_pods_are_victims_and_only_as_many_as_are_needed() -> None:
    cluster = Cluster(view_node("n", cpu="4"))
    pods = [("equal", 10), ("low", 1), ("lower", 0), ("middle", 5)]
    cluster.put("n", *(running(name, priority) for name, priority in pods))
    assert cluster.find_victims(view_pod("p", cpu="2", priority=10)) == {"n": ["low", "lower"]}


def test_of_equal_pods_the_one_that_runs_longer_stays() -> None:
    cluster = Cluster(view_node("n", cpu="2"))
    cluster.put("n", running("young", 0, started=50), running("old", 0, started=10))
    assert cluster.find_victims(view_pod("p", cpu="1", priority=1)) == {"n": ["young"]}


def test_an_important_small_pod_stays_where_a_larger_one_must_go() -> None:
    cluster = Cluster(view_node("n", cpu="4"))
    cluster.put("n", running("small", 5, cpu="1"), running("large", 1, cpu="3"))
    assert cluster.find_victims(view_pod("p", cpu="3", priority=10)) == {"n": ["large"]}


def test_the_state_is_the_same_afterwards() -> None:
    cluster = Cluster(view_node("n", cpu="2"))
    ports = [{"containerPort": 80, "hostPort": 80}]
    cluster.put("n", running("a", 0, ports=ports), running("b", 1))
    before = cluster.state.requested.copy(), set(cluster.state.pods)
    assert cluster.find_victims(view_pod("p", cpu="2", priority=9, ports=ports)) == {"n": ["b", "a"]}
    assert (cluster.state.requested == before[0]).all()
    assert set(cluster.state.pods) == before[1]
    assert "free ports" in cluster.schedule_pod(view_pod("other", ports=ports)).diagnosis.message
