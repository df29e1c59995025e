"""Taints reject pods that do not tolerate them."""

from __future__ import annotations

from tests.unit.kube.scheduler.decision_lab import Lab, node, pod


def test_taints_keep_away_who_does_not_tolerate_them() -> None:
    taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    lab = Lab(node("tainted", taints=[taint]))
    assert "1 node(s) had untolerated taint(s)" in lab.schedule_pod(pod()).diagnosis.message
    tolerating = pod(
        tolerations=[{"key": "dedicated", "operator": "Equal", "value": "db", "effect": "NoSchedule"}]
    )
    assert lab.schedule_pod(tolerating).node == "tainted"
