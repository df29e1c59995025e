"""Pods that a disruption budget protects are the last victims."""

from __future__ import annotations

from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.preemption_lab import Cluster, budget, running


def test_pods_that_a_budget_protects_are_the_last_victims() -> None:
    """Within a node the others go first. Among nodes, one whose victims violate no budget is chosen."""
    protected = {"app": "db"}
    cluster = Cluster(view_node("a", cpu="2"), view_node("b", cpu="1"), budgets=[budget(0, protected)])
    cluster.put("a", running("db", 0, labels=protected), running("web", 5, labels={"app": "web"}))
    cluster.put("b", running("db2", 0, labels=protected))
    preemptor = view_pod("p", cpu="1", priority=10)
    assert cluster.find_victims(preemptor) == {"a": ["web"], "b": ["db2"]}
    assert cluster.preempt(preemptor).node == "a"


def test_a_budget_allows_as_many_victims_as_it_says() -> None:
    labels = {"app": "db"}
    cluster = Cluster(view_node("n", cpu="3"), budgets=[budget(1, labels, disrupted=["gone"])])
    pods = [running(name, 0, started=number, labels=labels) for number, name in enumerate("xyz")]
    cluster.put("n", *pods)
    # The budget is charged for the most important pod first, which therefore violates nothing.
    assert cluster.find_victims(view_pod("p", cpu="1", priority=1)) == {"n": ["x"]}
