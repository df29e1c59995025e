"""A volume with zones is used in one of them."""

from __future__ import annotations

from tests.builders.nodes import view_node
from tests.unit.kube.scheduler.decision_lab import ZONE, Lab
from tests.unit.kube.scheduler.volume_lab import BOUND, Volumes, explain, user


def test_a_volume_with_zones_is_used_in_one_of_them() -> None:
    volumes = Volumes()
    volumes.add_volume("pv", labels={ZONE: "2__3"})
    volumes.add_claim("data", volumeName="pv", meta={"annotations": BOUND})
    zoned = (view_node(f"n{zone}", labels={ZONE: zone}) for zone in ("1", "2"))
    lab = Lab(*zoned, listers=volumes.get_listers())
    assert {lab.schedule_pod(user("data")).node for _ in range(10)} == {"n2"}
    lab.state.remove_node("n2")
    message = "0/1 nodes are available: 1 node(s) had no available volume zone."
    assert explain(lab, user("data")) == message
    lab.state.set_node(view_node("elsewhere"))
    assert lab.schedule_pod(user("data")).node == "elsewhere"
