"""Taints reject pods that do not tolerate them."""

from __future__ import annotations

from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import Lab


def test_taints_keep_away_who_does_not_tolerate_them() -> None:
    taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    lab = Lab(view_node("tainted", taints=[taint]))
    assert "1 node(s) had untolerated taint(s)" in lab.schedule_pod(view_pod()).diagnosis.message
    tolerating = view_pod(
        tolerations=[{"key": "dedicated", "operator": "Equal", "value": "db", "effect": "NoSchedule"}]
    )
    assert lab.schedule_pod(tolerating).node == "tainted"
