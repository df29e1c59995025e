"""Pods that are nominated for a node keep their place."""

from __future__ import annotations

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.state import pod_info
from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.preemption_lab import Cluster, running


def test_nominated_pods_hold_their_place() -> None:
    """For pods of their priority and lower ones. A higher pod ignores them."""
    cluster = Cluster(view_node("n", cpu="2"))
    nominated = view_pod("nominated", cpu="2", priority=5)
    cluster.nominator.add(pod_info.build_pod_info(nominated), "n")

    def schedule(preemptor: Pod) -> str:
        return cluster.schedule_pod(preemptor, cluster.nominator).node

    assert schedule(view_pod("equal", cpu="1", priority=5)) == ""
    assert schedule(view_pod("higher", cpu="1", priority=6)) == "n"
    assert schedule(nominated) == "n"
    decision = cluster.schedule_pod(view_pod("low", cpu="1", priority=1), cluster.nominator)
    assert decision.diagnosis.message == "0/1 nodes are available: 1 Insufficient cpu."


def test_a_nominated_pod_takes_its_node_even_if_others_are_better() -> None:
    cluster = Cluster(view_node("a"), view_node("b"), view_node("c"))
    cluster.put("b", running("busy", 0, cpu="3"))
    nominated = view_pod("p", cpu="1", priority=5)
    cluster.nominator.add(pod_info.build_pod_info(nominated), "b")
    assert cluster.schedule_pod(nominated, cluster.nominator).node == "b"
