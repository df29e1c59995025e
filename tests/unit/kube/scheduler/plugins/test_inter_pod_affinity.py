"""Affinity and anti-affinity between pods."""

from __future__ import annotations

from typing import Any

from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import ZONE, Lab


def anti(key: str) -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": key}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_anti_affinity_holds_for_the_pod_and_for_those_already_there() -> None:
    lab = Lab(
        view_node("a", labels={ZONE: "1"}),
        view_node("b", labels={ZONE: "1"}),
        view_node("c", labels={ZONE: "2"}),
    )
    first = lab.place(view_pod("db0", labels={"app": "db"}, affinity=anti(ZONE)))
    second = lab.place(view_pod("db1", labels={"app": "db"}, affinity=anti(ZONE)))
    assert {first, second} >= {"c"}
    third = lab.schedule_pod(view_pod("db2", labels={"app": "db"}))
    assert third.diagnosis.message == (
        "0/3 nodes are available: 3 node(s) didn't satisfy existing pods anti-affinity rules."
    )


def test_affinity_brings_pods_together_and_the_first_of_a_group_may_start() -> None:
    term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"}
    near = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    lab = Lab(*(view_node(f"n{i}") for i in range(3)))
    first = lab.place(view_pod("db0", labels={"app": "db"}, affinity=near))
    assert {lab.place(view_pod(f"db{i}", labels={"app": "db"}, affinity=near)) for i in range(1, 4)} == {
        first
    }
