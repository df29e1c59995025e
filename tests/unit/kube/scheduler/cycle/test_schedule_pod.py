"""Where a pod goes, and why it does not fit elsewhere."""

from __future__ import annotations

from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import Lab


def test_without_nodes_it_says_so() -> None:
    assert Lab().schedule_pod(view_pod()).diagnosis.message == "no nodes available to schedule pods"


def test_a_pod_that_asks_too_much_stays_and_every_reason_is_counted() -> None:
    lab = Lab(
        view_node("small", cpu="1"), view_node("cordoned", unschedulable=True), view_node("full", pods="0")
    )
    decision = lab.schedule_pod(view_pod(cpu="2"))
    assert decision.node == ""
    assert decision.diagnosis.message == (
        "0/3 nodes are available: 1 Insufficient cpu, 1 Too many pods, 1 node(s) were unschedulable."
    )
