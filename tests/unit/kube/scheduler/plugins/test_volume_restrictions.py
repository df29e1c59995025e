"""A ReadWriteOncePod claim is used by one pod."""

from __future__ import annotations

from kprov.kube.scheduler.state import pod_info
from tests.builders.nodes import view_node
from tests.unit.kube.scheduler.decision_lab import Lab
from tests.unit.kube.scheduler.volume_lab import BOUND, Volumes, explain, user


def test_a_claim_for_one_pod_is_not_shared() -> None:
    volumes = Volumes()
    volumes.add_volume("pv")
    modes = ["ReadWriteOncePod"]
    volumes.add_claim("data", volumeName="pv", meta={"annotations": BOUND}, accessModes=modes)
    lab = Lab(view_node("a"), view_node("b"), listers=volumes.get_listers())
    lab.state.add_pod(pod_info.build_pod_info(user("data", name="first")), "a")
    assert explain(lab, user("data", name="second")) == (
        "0/2 nodes are available: 2 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod "
        "access mode already in-use by another pod."
    )
    lab.state.remove_pod("first")
    assert lab.schedule_pod(user("data", name="second")).node
