"""Host ports of a node."""

from __future__ import annotations

from kprov.kube.scheduler.plugins.node_ports import has_port_conflict
from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import Lab


def test_a_host_port_is_given_once() -> None:
    lab = Lab(view_node("n"))
    ports = [{"containerPort": 80, "hostPort": 80}]
    lab.place(view_pod("first", ports=ports))
    assert "free ports" in lab.schedule_pod(view_pod("second", ports=ports)).diagnosis.message
    assert not has_port_conflict(frozenset({("TCP", "10.0.0.1", 80)}), frozenset({("TCP", "10.0.0.2", 80)}))
    assert has_port_conflict(frozenset({("TCP", "0.0.0.0", 80)}), frozenset({("TCP", "10.0.0.2", 80)}))
    assert not has_port_conflict(frozenset({("UDP", "0.0.0.0", 80)}), frozenset({("TCP", "0.0.0.0", 80)}))
