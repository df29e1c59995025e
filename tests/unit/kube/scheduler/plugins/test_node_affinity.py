"""Node selectors and node affinity."""

from __future__ import annotations

from typing import Any

from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import Lab


def test_node_selector_and_affinity_expressions() -> None:
    lab = Lab(
        view_node("a", labels={"disk": "ssd", "size": "3"}),
        view_node("b", labels={"disk": "hdd", "size": "9"}),
    )
    assert lab.schedule_pod(view_pod(nodeSelector={"disk": "hdd"})).node == "b"

    def by(operator: str, key: str, *values: str) -> str:
        term = {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        return lab.schedule_pod(view_pod(affinity={"nodeAffinity": required})).node

    assert by("In", "disk", "ssd", "nvme") == "a"
    assert by("NotIn", "disk", "ssd") == "b"
    assert by("Gt", "size", "5") == "b"
    assert by("Lt", "size", "5") == "a"
    assert by("Exists", "nothing") == ""
    assert by("In", "disk", "tape") == ""


def build_lab(*nodes: Any, name: str, args: Any) -> Lab:
    return Lab(*nodes, profile={"pluginConfig": [{"name": name, "args": args}]})


def test_an_added_affinity_holds_for_every_pod() -> None:
    term = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["red"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    lab = build_lab(view_node("n"), name="NodeAffinity", args={"addedAffinity": required})
    assert lab.schedule_pod(view_pod()).diagnosis.message == (
        "0/1 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity."
    )
    lab.state.set_node(view_node("red", labels={"team": "red"}))
    assert lab.schedule_pod(view_pod()).node == "red"
