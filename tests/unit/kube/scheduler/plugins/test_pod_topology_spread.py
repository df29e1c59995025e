"""Pods spread over topology domains."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import ZONE, Lab


def test_replicas_of_one_owner_are_spread_over_the_hosts() -> None:
    lab = Lab(*(view_node(f"n{i}") for i in range(3)))
    placed = Counter(lab.place(view_pod(f"p{i}", labels={"app": "web"})) for i in range(6))
    assert placed == {"n0": 2, "n1": 2, "n2": 2}


def test_a_hard_spread_constraint_refuses_what_would_skew() -> None:
    constraint = {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    lab = Lab(view_node("a", labels={ZONE: "1"}), view_node("b", labels={ZONE: "2"}), view_node("c"))
    zones = [
        lab.place(view_pod(f"p{i}", labels={"app": "web"}, topologySpreadConstraints=[constraint]))
        for i in range(4)
    ]
    assert Counter(zones) == {"a": 2, "b": 2}
    lab.state.remove_node("b")
    lab.state.set_node(view_node("b", labels={ZONE: "2"}, unschedulable=True))
    lab.place(view_pod("p4", labels={"app": "web"}, topologySpreadConstraints=[constraint]))
    message = lab.schedule_pod(
        view_pod("p5", labels={"app": "web"}, topologySpreadConstraints=[constraint])
    ).diagnosis.message
    assert "1 node(s) didn't match pod topology spread constraints" in message
    assert "1 node(s) didn't match pod topology spread constraints (missing required label)" in message


def build_lab(*nodes: Any, name: str, args: Any) -> Lab:
    return Lab(*nodes, profile={"pluginConfig": [{"name": name, "args": args}]})


def test_default_constraints_may_reject_nodes() -> None:
    constraint = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}
    args = {"defaultingType": "List", "defaultConstraints": [constraint]}
    lab = build_lab(view_node("a"), view_node("b", cpu="1"), name="PodTopologySpread", args=args)
    placed = [lab.place(view_pod(f"p{number}", cpu="1", labels={"app": "web"})) for number in range(3)]
    assert sorted(placed) == ["a", "a", "b"]
    assert not lab.schedule_pod(view_pod("p3", cpu="1", labels={"app": "web"})).node
