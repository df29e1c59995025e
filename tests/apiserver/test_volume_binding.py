"""Claims and volumes: binding from either side, delayed binding, release, protection, ephemeral volumes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.controllers import governed_server
from tests.apiserver.servers import ApiServer
from tests.builders.pods import build_pod

_CONTROLLERS = (
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "ephemeral-volume-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "garbage-collector-controller",
)
_NUMBERS = itertools.count()
VOLUMES = "/api/v1/persistentvolumes"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with governed_server(tmp_path_factory.mktemp("volumes"), *_CONTROLLERS) as found:
        yield found


class Space:
    """A namespace, and names of its own for volumes and classes."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.name = f"space-{next(_NUMBERS)}"
        ok(server, "POST", "/api/v1/namespaces", {"metadata": {"name": self.name}})
        self.core = f"/api/v1/namespaces/{self.name}"
        self.claims = f"{self.core}/persistentvolumeclaims"
        eventually(lambda: server.get(f"{self.core}/serviceaccounts/default").status == 200)

    def create_volume(self, name: str, size: str = "1Gi", **spec: object) -> str:
        whole = {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": f"/tmp/{name}"},
            "storageClassName": self.name,
            "persistentVolumeReclaimPolicy": "Retain",
        } | spec
        ok(self.server, "POST", VOLUMES, {"metadata": {"name": f"{self.name}-{name}"}, "spec": whole})
        return f"{self.name}-{name}"

    def create_claim(self, name: str, size: str = "1Gi", **spec: object) -> None:
        whole = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}},
            "storageClassName": self.name,
        } | spec
        ok(self.server, "POST", self.claims, {"metadata": {"name": name}, "spec": whole})

    def create_class(self, mode: str, provisioner: str = "example.com/disk", **more: object) -> None:
        body = {"metadata": {"name": self.name}, "provisioner": provisioner, "volumeBindingMode": mode} | more
        ok(self.server, "POST", CLASSES, body)

    def claim(self, name: str) -> JsonObject:
        return ok(self.server, "GET", f"{self.claims}/{name}")

    def wait_for_volume(self, name: str, phase: str) -> JsonObject:
        def has_phase() -> JsonObject | None:
            volume = ok(self.server, "GET", f"{VOLUMES}/{name}")
            return volume if volume.get("status", {}).get("phase") == phase else None

        return dict(eventually(has_phase))

    def wait_for_claim(self, name: str, phase: str) -> JsonObject:
        def has_phase() -> JsonObject | None:
            claim = self.claim(name)
            return claim if claim["status"].get("phase") == phase else None

        return dict(eventually(has_phase))

    def wait_for_event(self, reason: str, message: str) -> None:
        def is_there() -> bool:
            events = ok(self.server, "GET", f"{self.core}/events")["items"]
            return any(event["reason"] == reason and message in event["message"] for event in events)

        eventually(is_there)


@pytest.fixture
def space(server: ApiServer) -> Space:
    return Space(server)


def test_a_claim_gets_the_smallest_volume_that_fits(space: Space) -> None:
    for name, size in (("small", "1Gi"), ("large", "10Gi"), ("right", "5Gi")):
        space.wait_for_volume(space.create_volume(name, size), "Available")
    space.create_claim("data", "2Gi")
    claim = space.wait_for_claim("data", "Bound")
    assert claim["spec"]["volumeName"] == f"{space.name}-right"
    assert claim["status"]["capacity"] == {"storage": "5Gi"}
    assert claim["status"]["accessModes"] == ["ReadWriteOnce"]
    assert claim["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] == "yes"
    volume = space.wait_for_volume(f"{space.name}-right", "Bound")
    assert volume["spec"]["claimRef"]["uid"] == claim["metadata"]["uid"]
    assert volume["metadata"]["annotations"]["pv.kubernetes.io/bound-by-controller"] == "yes"


def test_a_claim_waits_for_a_volume(space: Space) -> None:
    space.create_claim("data", storageClassName="")
    space.wait_for_event("FailedBinding", "no persistent volumes available for this claim")
    assert space.claim("data")["status"]["phase"] == "Pending"
    space.create_volume("late", storageClassName="")
    space.wait_for_claim("data", "Bound")


def test_a_volume_that_a_user_reserved_goes_to_its_claim(space: Space) -> None:
    space.create_volume("free")
    name = space.create_volume("reserved", "3Gi", claimRef={"namespace": space.name, "name": "data"})
    space.create_claim("data")
    assert space.wait_for_claim("data", "Bound")["spec"]["volumeName"] == name
    annotations = space.wait_for_volume(name, "Bound")["metadata"].get("annotations") or {}
    assert "pv.kubernetes.io/bound-by-controller" not in annotations


def test_a_claim_that_names_a_volume_too_small_for_it_stays_pending(space: Space) -> None:
    name = space.create_volume("small")
    space.create_claim("data", "2Gi", volumeName=name)
    space.wait_for_event(
        "VolumeMismatch", f'Cannot bind to requested volume "{name}": requested PV is too small'
    )
    assert space.wait_for_claim("data", "Pending")
    assert space.wait_for_volume(name, "Available")


def test_two_claims_share_no_volume(space: Space) -> None:
    for number in range(3):
        space.create_volume(f"v{number}")
    for number in range(4):
        space.create_claim(f"c{number}")
    names = [f"c{number}" for number in range(4)]
    eventually(lambda: sum(space.claim(name)["status"].get("phase") == "Bound" for name in names) == 3)
    bound = [space.claim(name)["spec"].get("volumeName") for name in names]
    assert len({name for name in bound if name}) == 3


def test_a_released_volume_is_retained_and_keeps_its_claim_reference(space: Space) -> None:
    name = space.create_volume("v")
    space.create_claim("data")
    uid = space.wait_for_claim("data", "Bound")["metadata"]["uid"]
    ok(space.server, "DELETE", f"{space.claims}/data")
    eventually(lambda: space.server.get(f"{space.claims}/data").status == 404)
    assert space.wait_for_volume(name, "Released")["spec"]["claimRef"]["uid"] == uid


def test_nobody_deletes_a_host_path_by_policy(space: Space) -> None:
    name = space.create_volume("v", persistentVolumeReclaimPolicy="Delete")
    space.create_claim("data")
    space.wait_for_claim("data", "Bound")
    ok(space.server, "DELETE", f"{space.claims}/data")
    volume = space.wait_for_volume(name, "Failed")
    # As kubectl describe shows it, and the event VolumeFailedDelete.
    assert volume["status"]["message"]


def test_a_claim_whose_volume_is_gone_is_lost(space: Space) -> None:
    name = space.create_volume("v")
    space.create_claim("data")
    space.wait_for_claim("data", "Bound")
    space.wait_for_volume(name, "Bound")
    ok(space.server, "DELETE", f"{VOLUMES}/{name}")
    # Protected while it is bound.
    assert ok(space.server, "GET", f"{VOLUMES}/{name}")["metadata"]["deletionTimestamp"]
    merge(space.server, f"{VOLUMES}/{name}", {"metadata": {"finalizers": None}})
    claim = space.wait_for_claim("data", "Lost")
    assert "capacity" not in claim["status"]
    space.wait_for_event("ClaimLost", "Bound claim has lost its PersistentVolume")


def test_a_provisioner_is_asked_once_a_node_is_selected(space: Space) -> None:
    space.create_class("WaitForFirstConsumer")
    space.create_claim("data")
    space.wait_for_event("WaitForFirstConsumer", "waiting for first consumer to be created before binding")
    selected = {"volume.kubernetes.io/selected-node": "node1"}
    merge(space.server, f"{space.claims}/data", {"metadata": {"annotations": selected}})
    space.wait_for_event("ExternalProvisioning", "by the external provisioner 'example.com/disk'")
    annotations = space.claim("data")["metadata"]["annotations"]
    assert annotations["volume.kubernetes.io/storage-provisioner"] == "example.com/disk"
    # What a provisioner does.
    reference = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": space.name, "name": "data"}
    uid = space.claim("data")["metadata"]["uid"]
    space.create_volume("made", claimRef=reference | {"uid": uid})
    space.wait_for_claim("data", "Bound")


def test_a_claim_of_an_unknown_class_says_so(space: Space) -> None:
    space.create_claim("data", storageClassName=f"{space.name}-absent")
    space.wait_for_event("ProvisioningFailed", f'"{space.name}-absent" not found')


def test_a_claim_gets_a_class_that_becomes_the_default_later(space: Space) -> None:
    body = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    ok(space.server, "POST", space.claims, {"metadata": {"name": "data"}, "spec": body})
    space.wait_for_claim("data", "Pending")
    space.create_class("Immediate")
    is_default = {"storageclass.kubernetes.io/is-default-class": "true"}
    merge(space.server, f"{CLASSES}/{space.name}", {"metadata": {"annotations": is_default}})
    try:
        eventually(lambda: space.claim("data")["spec"].get("storageClassName") == space.name)
    finally:
        ok(space.server, "DELETE", f"{CLASSES}/{space.name}")


def make_pod(space: Space, volume: JsonObject, **spec: Any) -> None:
    body = build_pod("user", volumes=[{"name": "data", **volume}], **spec)
    ok(space.server, "POST", f"{space.core}/pods", body)


def test_a_deleted_claim_stays_until_its_pod_is_gone(space: Space) -> None:
    space.create_volume("v")
    space.create_claim("data")
    space.wait_for_claim("data", "Bound")
    make_pod(space, {"persistentVolumeClaim": {"claimName": "data"}}, nodeName="node1")
    ok(space.server, "DELETE", f"{space.claims}/data")
    assert "kubernetes.io/pvc-protection" in space.claim("data")["metadata"]["finalizers"]
    merge(space.server, f"{space.claims}/data", {"metadata": {"labels": {"touched": "yes"}}})
    assert space.claim("data")["metadata"]["deletionTimestamp"]
    ok(space.server, "DELETE", f"{space.core}/pods/user?gracePeriodSeconds=0")
    eventually(lambda: space.server.get(f"{space.claims}/data").status == 404)


def test_an_ephemeral_volume_gets_a_claim_that_its_pod_owns(space: Space) -> None:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "",
    }
    template = {"metadata": {"labels": {"from": "pod"}}, "spec": spec}
    make_pod(space, {"ephemeral": {"volumeClaimTemplate": template}})
    eventually(lambda: space.server.get(f"{space.claims}/user-data").status == 200)
    claim = space.claim("user-data")
    assert claim["metadata"]["labels"] == {"from": "pod"}
    assert claim["metadata"]["ownerReferences"][0]["kind"] == "Pod"
    ok(space.server, "DELETE", f"{space.core}/pods/user?gracePeriodSeconds=0")
    eventually(lambda: space.server.get(f"{space.claims}/user-data").status == 404)


def test_classes_of_former_provisioners_ask_the_csi_driver_that_follows_them(space: Space) -> None:
    space.create_class("Immediate", provisioner="kubernetes.io/aws-ebs")
    space.create_claim("data")
    space.wait_for_event("ExternalProvisioning", "the external provisioner 'ebs.csi.aws.com'")
    annotations = space.claim("data")["metadata"]["annotations"]
    assert annotations["volume.kubernetes.io/storage-provisioner"] == "ebs.csi.aws.com"


def test_a_released_csi_volume_is_left_to_the_program_beside_its_driver(space: Space) -> None:
    """It is not Failed, though the volume was made by hand and names no provisioner."""
    disk = {"driver": "disk.example.com", "volumeHandle": "h"}
    name = space.create_volume("disk", hostPath=None, csi=disk, persistentVolumeReclaimPolicy="Delete")
    space.create_claim("data")
    space.wait_for_claim("data", "Bound")
    space.wait_for_volume(name, "Bound")
    ok(space.server, "DELETE", f"{space.claims}/data")
    space.wait_for_volume(name, "Released")
    # The controller goes on with other volumes, and comes back to this one.
    merge(space.server, f"{VOLUMES}/{name}", {"metadata": {"labels": {"seen": "again"}}})
    space.create_claim("next")
    space.wait_for_volume(space.create_volume("other"), "Bound")
    assert ok(space.server, "GET", f"{VOLUMES}/{name}")["status"]["phase"] == "Released"
