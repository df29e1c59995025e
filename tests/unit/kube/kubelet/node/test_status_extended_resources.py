"""Extended resources that an administrator adds to a node's status."""

from __future__ import annotations

from kprov.kube.api.meta import NodeName
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.node.pressure import NodePressure
from kprov.kube.kubelet.node.status import NodeStatusBuilder, has_changed
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity


def build_status(old: JsonObject) -> JsonObject:
    builder = NodeStatusBuilder(
        KubeletConfiguration(node_name=NodeName("node1")),
        host_ips=["10.0.0.1"],
        capacity={"cpu": Quantity.parse("2")},
        allocatable={"cpu": Quantity.parse("1")},
        node_info={},
        pressure=NodePressure(),
        list_problems=list,
        get_handlers=dict,
    )
    return builder.build(old)


def test_an_extended_resource_of_the_capacity_is_allocatable() -> None:
    status = build_status({"capacity": {"cpu": "4", "example.com/foo": "1000"}})
    assert status["capacity"] == {"cpu": "2", "example.com/foo": "1000"}
    assert status["allocatable"] == {"cpu": "1", "example.com/foo": "1000"}
    assert not has_changed(status, build_status(status))


def test_an_extended_resource_without_capacity_is_removed() -> None:
    old = {"capacity": {"cpu": "2"}, "allocatable": {"cpu": "1", "example.com/foo": "1000"}}
    status = build_status(old)
    assert status["capacity"] == {"cpu": "2"}
    assert status["allocatable"] == {"cpu": "1", "example.com/foo": None}
