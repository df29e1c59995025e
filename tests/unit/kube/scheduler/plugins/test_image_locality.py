"""Nodes that have the images of a pod are preferred."""

from __future__ import annotations

import msgspec

from kprov.kube.api.core import Node, NodeStatus
from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import Lab


def test_a_node_that_has_the_image_is_preferred_until_it_loses_it() -> None:
    def with_images(name: str, *names: str) -> Node:
        made = view_node(name)
        images = [{"names": [each], "sizeBytes": 500 * 1024 * 1024} for each in names]
        made.status = msgspec.convert({"allocatable": made.status.allocatable, "images": images}, NodeStatus)
        return made

    lab = Lab(with_images("a"), with_images("b", "web:latest"), with_images("c"))
    wants = view_pod()
    wants.spec.containers[0].image = "web"
    assert {lab.schedule_pod(wants).node for _ in range(10)} == {"b"}
    lab.state.set_node(with_images("b"))
    lab.state.set_node(with_images("a", "web:latest"))
    assert {lab.schedule_pod(wants).node for _ in range(10)} == {"a"}
    lab.state.remove_node("a")
    assert {lab.schedule_pod(wants).node for _ in range(20)} == {"b", "c"}
