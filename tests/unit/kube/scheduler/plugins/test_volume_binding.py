"""Where pods with claims go: bound volumes, volumes that wait for a consumer, volumes that do not exist yet."""

from __future__ import annotations

from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import ZONE, Lab
from tests.unit.kube.scheduler.volume_lab import BOUND, Volumes, explain, user


def test_a_claim_that_is_missing_is_named() -> None:
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}
    message = Lab(view_node("n")).schedule_pod(view_pod(volumes=[volume])).diagnosis.message
    assert 'persistentvolumeclaim "data" not found' in message


def test_a_pod_follows_its_bound_volume() -> None:
    volumes = Volumes()
    volumes.add_volume("pv", "b")
    volumes.add_claim("data", volumeName="pv", meta={"annotations": BOUND})
    lab = Lab(view_node("a"), view_node("b"), listers=volumes.get_listers())
    assert lab.place(user("data")) == "b"
    lab.state.remove_node("b")
    assert explain(lab, user("data")) == (
        "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity."
    )


def test_a_bound_claim_whose_volume_is_gone_fits_nowhere() -> None:
    volumes = Volumes()
    volumes.add_claim("data", volumeName="pv", meta={"annotations": BOUND})
    lab = Lab(view_node("a"), listers=volumes.get_listers())
    assert explain(lab, user("data")) == '0/1 nodes are available: persistentvolume "pv" not found.'


def test_claims_that_nobody_can_bind_are_explained_once_for_all_nodes() -> None:
    volumes = Volumes()
    lab = Lab(view_node("a"), view_node("b"), listers=volumes.get_listers())
    volumes.add_claim("plain")
    volumes.add_claim("classy", storageClassName="fast")
    volumes.add_claim("gone", meta={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    prefix = "0/2 nodes are available: "
    assert explain(lab, user("none")) == f'{prefix}persistentvolumeclaim "none" not found.'
    assert explain(lab, user("plain")) == f"{prefix}pod has unbound immediate PersistentVolumeClaims."
    assert explain(lab, user("classy")) == f"{prefix}pod has unbound immediate PersistentVolumeClaims."
    assert explain(lab, user("gone")) == f'{prefix}persistentvolumeclaim "gone" is being deleted.'
    ephemeral = view_pod(volumes=[{"name": "v", "ephemeral": {"volumeClaimTemplate": {}}}])
    assert explain(lab, ephemeral) == (
        f'{prefix}waiting for ephemeral volume controller to create the persistentvolumeclaim "p-v".'
    )


def test_a_claim_that_waits_gets_a_volume_on_any_node_that_its_class_allows() -> None:
    volumes = Volumes()
    expression = {"key": ZONE, "values": ["2", "3"]}
    volumes.add_class("zonal", allowedTopologies=[{"matchLabelExpressions": [expression]}])
    volumes.add_claim("data", storageClassName="zonal")
    lab = Lab(
        view_node("a", labels={ZONE: "1"}), view_node("b", labels={ZONE: "2"}), listers=volumes.get_listers()
    )
    assert lab.place(user("data")) == "b"


def test_a_claim_whose_node_was_selected_stays_there() -> None:
    volumes = Volumes()
    volumes.add_class("local")
    selected = {"annotations": {"volume.kubernetes.io/selected-node": "b"}}
    volumes.add_claim("data", storageClassName="local", meta=selected)
    lab = Lab(view_node("a"), view_node("b"), view_node("c"), listers=volumes.get_listers())
    assert {lab.schedule_pod(user("data")).node for _ in range(10)} == {"b"}


def test_each_claim_of_a_pod_gets_a_volume_of_its_own_on_the_same_node() -> None:
    volumes = Volumes()
    volumes.add_class("manual", provisioner="kubernetes.io/no-provisioner")
    for name, host in (("a1", "a"), ("b1", "b"), ("b2", "b")):
        volumes.add_volume(name, host, storageClassName="manual")
    volumes.add_claim("one", storageClassName="manual")
    volumes.add_claim("two", storageClassName="manual")
    lab = Lab(view_node("a"), view_node("b"), listers=volumes.get_listers())
    assert {lab.schedule_pod(user("one", "two")).node for _ in range(10)} == {"b"}
    lab.state.remove_node("b")
    assert explain(lab, user("one", "two")) == (
        "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind."
    )


def test_a_volume_that_a_pod_was_promised_is_not_offered_again() -> None:
    """Its binding may take minutes: the next pod must not count on the same volume."""
    volumes = Volumes()
    volumes.add_class("manual", provisioner="kubernetes.io/no-provisioner")
    volumes.add_volume("pv", "a", storageClassName="manual")
    volumes.add_claim("one", storageClassName="manual")
    volumes.add_claim("two", storageClassName="manual")
    lab = Lab(view_node("a"), listers=volumes.get_listers())
    first = lab.schedule_pod(user("one"))
    for plugin in lab.profile.reserves:
        plugin.reserve(first.cycle, first.node)
    assert any(plugin.needs_pre_bind(first.cycle, first.node) for plugin in lab.profile.reserves)
    assert "didn't find available persistent volumes" in explain(lab, user("two", name="q"))
    for plugin in lab.profile.reserves:
        plugin.unreserve(first.cycle, first.node)
    assert lab.schedule_pod(user("two", name="q")).node == "a"
