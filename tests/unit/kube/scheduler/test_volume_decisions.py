"""Where pods with claims go: bound volumes, volumes that wait for a consumer, volumes that do not exist yet."""

from __future__ import annotations

from typing import Any

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim, Pod
from kprov.kube.api.decoding import convert
from kprov.kube.api.storage import StorageClass
from kprov.kube.scheduler import pod_info
from kprov.kube.scheduler.volumes.listers import VolumeListers
from tests.unit.kube.scheduler.test_decisions import ZONE, Lab, node, pod

BOUND = {"pv.kubernetes.io/bind-completed": "yes"}


class Volumes:
    """What the API has of claims, volumes and classes."""

    def __init__(self) -> None:
        self.claims: dict[tuple[str, str], PersistentVolumeClaim] = {}
        self.volumes: dict[str, PersistentVolume] = {}
        self.classes: dict[str, StorageClass] = {}

    def get_listers(self) -> VolumeListers:
        return VolumeListers(
            get_claim=lambda namespace, name: self.claims.get((namespace, name)),
            get_volume=self.volumes.get,
            get_class=self.classes.get,
            list_volumes=lambda name: [
                each for each in self.volumes.values() if each.spec.get("storageClassName", "") == name
            ],
            has_pod=lambda _: True,
        )

    def add_claim(
        self, name: str, *, size: str = "1Gi", meta: dict[str, Any] | None = None, **spec: Any
    ) -> None:
        document = {
            "metadata": {"name": name, "namespace": "ns", "uid": f"{name}-uid"} | (meta or {}),
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}} | spec,
            "status": {"phase": "Pending"},
        }
        self.claims["ns", name] = convert(document, PersistentVolumeClaim)

    def add_volume(self, name: str, *nodes: str, size: str = "1Gi", labels: Any = None, **spec: Any) -> None:
        """``nodes``: where it can be reached, everywhere without any."""
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": list(nodes)}
        required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
        affinity = {"nodeAffinity": {"required": required}} if nodes else {}
        document = {
            "metadata": {"name": name, "uid": f"{name}-uid", "labels": labels or {}},
            "spec": {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"]} | affinity | spec,
            "status": {"phase": "Available"},
        }
        self.volumes[name] = convert(document, PersistentVolume)

    def add_class(self, name: str, *, provisioner: str = "example.com/disks", **fields: Any) -> None:
        document = {"metadata": {"name": name}, "provisioner": provisioner} | fields
        self.classes[name] = convert({"volumeBindingMode": "WaitForFirstConsumer"} | document, StorageClass)


def user(*claims: str, name: str = "p") -> Pod:
    volumes = [{"name": f"v{n}", "persistentVolumeClaim": {"claimName": c}} for n, c in enumerate(claims)]
    return pod(name, volumes=volumes)


def explain(lab: Lab, p: Pod) -> str:
    decision = lab.schedule_pod(p)
    assert not decision.node
    return decision.diagnosis.message


def test_a_pod_follows_its_bound_volume() -> None:
    volumes = Volumes()
    volumes.add_volume("pv", "b")
    volumes.add_claim("data", volumeName="pv", meta={"annotations": BOUND})
    lab = Lab(node("a"), node("b"), listers=volumes.get_listers())
    assert lab.place(user("data")) == "b"
    lab.state.remove_node("b")
    assert explain(lab, user("data")) == (
        "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity."
    )


def test_a_bound_claim_whose_volume_is_gone_fits_nowhere() -> None:
    volumes = Volumes()
    volumes.add_claim("data", volumeName="pv", meta={"annotations": BOUND})
    lab = Lab(node("a"), listers=volumes.get_listers())
    assert explain(lab, user("data")) == '0/1 nodes are available: persistentvolume "pv" not found.'


def test_claims_that_nobody_can_bind_are_explained_once_for_all_nodes() -> None:
    volumes = Volumes()
    lab = Lab(node("a"), node("b"), listers=volumes.get_listers())
    volumes.add_claim("plain")
    volumes.add_claim("classy", storageClassName="fast")
    volumes.add_claim("gone", meta={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    prefix = "0/2 nodes are available: "
    assert explain(lab, user("none")) == f'{prefix}persistentvolumeclaim "none" not found.'
    assert explain(lab, user("plain")) == f"{prefix}pod has unbound immediate PersistentVolumeClaims."
    assert explain(lab, user("classy")) == f"{prefix}pod has unbound immediate PersistentVolumeClaims."
    assert explain(lab, user("gone")) == f'{prefix}persistentvolumeclaim "gone" is being deleted.'
    ephemeral = pod(volumes=[{"name": "v", "ephemeral": {"volumeClaimTemplate": {}}}])
    assert explain(lab, ephemeral) == (
        f'{prefix}waiting for ephemeral volume controller to create the persistentvolumeclaim "p-v".'
    )


def test_a_claim_that_waits_gets_a_volume_on_any_node_that_its_class_allows() -> None:
    volumes = Volumes()
    expression = {"key": ZONE, "values": ["2", "3"]}
    volumes.add_class("zonal", allowedTopologies=[{"matchLabelExpressions": [expression]}])
    volumes.add_claim("data", storageClassName="zonal")
    lab = Lab(node("a", labels={ZONE: "1"}), node("b", labels={ZONE: "2"}), listers=volumes.get_listers())
    assert lab.place(user("data")) == "b"


def test_a_claim_whose_node_was_selected_stays_there() -> None:
    volumes = Volumes()
    volumes.add_class("local")
    selected = {"annotations": {"volume.kubernetes.io/selected-node": "b"}}
    volumes.add_claim("data", storageClassName="local", meta=selected)
    lab = Lab(node("a"), node("b"), node("c"), listers=volumes.get_listers())
    assert {lab.schedule_pod(user("data")).node for _ in range(10)} == {"b"}


def test_each_claim_of_a_pod_gets_a_volume_of_its_own_on_the_same_node() -> None:
    volumes = Volumes()
    volumes.add_class("manual", provisioner="kubernetes.io/no-provisioner")
    for name, host in (("a1", "a"), ("b1", "b"), ("b2", "b")):
        volumes.add_volume(name, host, storageClassName="manual")
    volumes.add_claim("one", storageClassName="manual")
    volumes.add_claim("two", storageClassName="manual")
    lab = Lab(node("a"), node("b"), listers=volumes.get_listers())
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
    lab = Lab(node("a"), listers=volumes.get_listers())
    first = lab.schedule_pod(user("one"))
    for plugin in lab.profile.reserves:
        plugin.reserve(first.cycle, first.node)
    assert any(plugin.needs_pre_bind(first.cycle, first.node) for plugin in lab.profile.reserves)
    assert "didn't find available persistent volumes" in explain(lab, user("two", name="q"))
    for plugin in lab.profile.reserves:
        plugin.unreserve(first.cycle, first.node)
    assert lab.schedule_pod(user("two", name="q")).node == "a"


def test_a_claim_for_one_pod_is_not_shared() -> None:
    volumes = Volumes()
    volumes.add_volume("pv")
    modes = ["ReadWriteOncePod"]
    volumes.add_claim("data", volumeName="pv", meta={"annotations": BOUND}, accessModes=modes)
    lab = Lab(node("a"), node("b"), listers=volumes.get_listers())
    lab.state.add_pod(pod_info.build_pod_info(user("data", name="first")), "a")
    assert explain(lab, user("data", name="second")) == (
        "0/2 nodes are available: 2 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod "
        "access mode already in-use by another pod."
    )
    lab.state.remove_pod("first")
    assert lab.schedule_pod(user("data", name="second")).node


def test_a_volume_with_zones_is_used_in_one_of_them() -> None:
    volumes = Volumes()
    volumes.add_volume("pv", labels={ZONE: "2__3"})
    volumes.add_claim("data", volumeName="pv", meta={"annotations": BOUND})
    zoned = (node(f"n{zone}", labels={ZONE: zone}) for zone in ("1", "2"))
    lab = Lab(*zoned, listers=volumes.get_listers())
    assert {lab.schedule_pod(user("data")).node for _ in range(10)} == {"n2"}
    lab.state.remove_node("n2")
    message = "0/1 nodes are available: 1 node(s) had no available volume zone."
    assert explain(lab, user("data")) == message
    lab.state.set_node(node("elsewhere"))
    assert lab.schedule_pod(user("data")).node == "elsewhere"
