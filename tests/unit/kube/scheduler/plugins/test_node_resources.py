"""Requests of pods, and the arguments of NodeResourcesFit."""

from __future__ import annotations

from typing import Any

from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import Lab


def test_what_a_bound_pod_asks_for_is_taken_and_free_again_when_it_goes() -> None:
    lab = Lab(view_node("n", cpu="2"))
    lab.place(view_pod("first", cpu="1500m"))
    assert "Insufficient cpu" in lab.schedule_pod(view_pod("second", cpu="1")).diagnosis.message
    lab.state.remove_pod("first")
    assert lab.schedule_pod(view_pod("second", cpu="1")).node == "n"


def build_lab(*nodes: Any, name: str, args: Any) -> Lab:
    return Lab(*nodes, profile={"pluginConfig": [{"name": name, "args": args}]})


def test_the_most_allocated_strategy_fills_nodes() -> None:
    strategy = {"scoringStrategy": {"type": "MostAllocated"}}
    lab = build_lab(view_node("a", cpu="8"), view_node("b", cpu="8"), name="NodeResourcesFit", args=strategy)
    assert len({lab.place(view_pod(f"p{number}", cpu="1")) for number in range(6)}) == 1


def test_a_shape_prefers_what_it_says() -> None:
    """The ratio that packs nodes, as the documentation has it."""
    shape = [{"utilization": 0, "score": 0}, {"utilization": 100, "score": 10}]
    strategy = {"type": "RequestedToCapacityRatio", "requestedToCapacityRatio": {"shape": shape}}
    lab = build_lab(
        view_node("a", cpu="8"),
        view_node("b", cpu="8"),
        name="NodeResourcesFit",
        args={"scoringStrategy": strategy},
    )
    assert len({lab.place(view_pod(f"p{number}", cpu="1")) for number in range(6)}) == 1


def test_ignored_resources_need_not_exist() -> None:
    wants = view_pod("p")
    wants.spec.containers[0].resources.requests["example.com/gpu"] = "1"
    for args in ({"ignoredResources": ["example.com/gpu"]}, {"ignoredResourceGroups": ["example.com"]}):
        assert build_lab(view_node("n"), name="NodeResourcesFit", args=args).schedule_pod(wants).node == "n"
    assert not Lab(view_node("n")).schedule_pod(wants).node
