"""Attaching of volumes: attachments, the status of nodes, exclusive volumes, detaching."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.controller_manager.conftest import Space
from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer

ATTACHMENTS = "/apis/storage.k8s.io/v1/volumeattachments"
DRIVERS = "/apis/storage.k8s.io/v1/csidrivers"
DRIVER = "disk.example.com"
MANAGED = "volumes.kubernetes.io/controller-managed-attach-detach"


@pytest.fixture(scope="module", autouse=True)
def controller(server: ApiServer) -> Iterator[None]:
    with controllers(server, "attachdetach"):
        yield


def create_node(space: Space, name: str, *, ready: str = "True") -> str:
    whole = f"{space.name}-{name}"
    metadata = {"name": whole, "annotations": {MANAGED: "true"}}
    ok(space.server, "POST", "/api/v1/nodes", {"metadata": metadata})
    set_node_status(space, whole, {"conditions": [{"type": "Ready", "status": ready}]})
    return whole


def set_node_status(space: Space, node: str, status: JsonObject) -> None:
    merge(space.server, f"/api/v1/nodes/{node}/status", {"status": status})


def list_attached(space: Space, node: str) -> list[str]:
    status = ok(space.server, "GET", f"/api/v1/nodes/{node}").get("status", {})
    return [each["name"] for each in status.get("volumesAttached", [])]


def create_claim(space: Space, name: str, mode: str = "ReadWriteOnce", driver: str = DRIVER) -> str:
    """A bound claim of a CSI volume. Returns the volume's name in the status of nodes."""
    source = {"csi": {"driver": driver, "volumeHandle": f"{space.name}-{name}"}}
    space.create_bound_claim(name, source, [mode])
    return f"kubernetes.io/csi/{driver}^{space.name}-{name}"


def create_user(space: Space, name: str, node: str, claim: str) -> None:
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": claim}}
    space.create_pod(name, node, volumes=[volume])


def name_attachment(space: Space, claim: str, node: str, driver: str = DRIVER) -> str:
    return f"csi-{sha256(f'{space.name}-{claim}{driver}{node}'.encode()).hexdigest()}"


def find_attachment(space: Space, claim: str, node: str) -> JsonObject | None:
    answer = space.server.get(f"{ATTACHMENTS}/{name_attachment(space, claim, node)}")
    return dict(answer.json) if answer.status == 200 else None


def attach(space: Space, claim: str, node: str) -> None:
    """What the program beside a CSI driver does."""
    eventually(lambda: find_attachment(space, claim, node))
    path = f"{ATTACHMENTS}/{name_attachment(space, claim, node)}"
    merge(space.server, path, {"metadata": {"finalizers": ["external-attacher/disk-example-com"]}})
    merge(space.server, f"{path}/status", {"status": {"attached": True}})


def finish_detaching(space: Space, claim: str, node: str) -> None:
    def is_deleted() -> bool:
        attachment = find_attachment(space, claim, node)
        return attachment is not None and "deletionTimestamp" in attachment["metadata"]

    eventually(is_deleted)
    path = f"{ATTACHMENTS}/{name_attachment(space, claim, node)}"
    merge(space.server, path, {"metadata": {"finalizers": None}})


def test_a_volume_is_attached_for_a_pod_and_detached_after_it(space: Space) -> None:
    node = create_node(space, "n1")
    volume = create_claim(space, "data")
    create_user(space, "user", node, "data")
    attachment = eventually(lambda: find_attachment(space, "data", node))
    assert attachment["spec"] == {
        "attacher": DRIVER,
        "nodeName": node,
        "source": {"persistentVolumeName": f"{space.name}-data"},
    }
    assert list_attached(space, node) == []
    attach(space, "data", node)
    eventually(lambda: list_attached(space, node) == [volume])
    message = space.wait_for_event("user", "SuccessfulAttachVolume")
    assert message == f'AttachVolume.Attach succeeded for volume "{space.name}-data" '
    space.delete("pods", "user")
    finish_detaching(space, "data", node)
    eventually(lambda: find_attachment(space, "data", node) is None)
    assert list_attached(space, node) == []


def test_a_volume_stays_attached_while_the_node_has_it_mounted(space: Space) -> None:
    node = create_node(space, "n1")
    volume = create_claim(space, "data")
    create_user(space, "user", node, "data")
    attach(space, "data", node)
    set_node_status(space, node, {"volumesInUse": [volume]})
    eventually(lambda: list_attached(space, node) == [volume])
    space.delete("pods", "user")
    # Another volume comes and goes meanwhile.
    create_claim(space, "other")
    create_user(space, "next", node, "other")
    attach(space, "other", node)
    eventually(lambda: len(list_attached(space, node)) == 2)
    attachment = find_attachment(space, "data", node)
    assert attachment is not None
    assert "deletionTimestamp" not in attachment["metadata"]
    set_node_status(space, node, {"volumesInUse": []})
    finish_detaching(space, "data", node)
    eventually(lambda: volume not in list_attached(space, node))


def test_a_node_that_is_out_of_service_loses_mounted_volumes(space: Space) -> None:
    node = create_node(space, "n1", ready="Unknown")
    volume = create_claim(space, "data")
    create_user(space, "user", node, "data")
    attach(space, "data", node)
    set_node_status(space, node, {"volumesInUse": [volume]})
    eventually(lambda: list_attached(space, node) == [volume])
    space.delete("pods", "user")
    taint = {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}
    merge(space.server, f"/api/v1/nodes/{node}", {"spec": {"taints": [taint]}})
    finish_detaching(space, "data", node)


def test_an_exclusive_volume_goes_to_the_next_node_after_it_is_detached(space: Space) -> None:
    first, second = create_node(space, "n1"), create_node(space, "n2")
    create_claim(space, "data")
    create_user(space, "user", first, "data")
    attach(space, "data", first)
    eventually(lambda: list_attached(space, first))
    create_user(space, "other", second, "data")
    message = space.wait_for_event("other", "FailedAttachVolume")
    assert message == (
        f'Multi-Attach error for volume "{space.name}-data" Volume is already used by pod(s) user'
    )
    assert find_attachment(space, "data", second) is None
    space.delete("pods", "user")
    finish_detaching(space, "data", first)
    attach(space, "data", second)
    eventually(lambda: list_attached(space, second))


def test_a_shared_volume_is_attached_to_several_nodes(space: Space) -> None:
    nodes = [create_node(space, "n1"), create_node(space, "n2")]
    volume = create_claim(space, "data", "ReadWriteMany")
    for node in nodes:
        create_user(space, f"on-{node}", node, "data")
        attach(space, "data", node)
    eventually(lambda: [list_attached(space, node) for node in nodes] == [[volume], [volume]])


def test_an_error_of_the_driver_becomes_an_event(space: Space) -> None:
    node = create_node(space, "n1")
    create_claim(space, "data")
    create_user(space, "user", node, "data")
    eventually(lambda: find_attachment(space, "data", node))
    error = {"time": "2026-01-01T00:00:00Z", "message": "no free slot"}
    path = f"{ATTACHMENTS}/{name_attachment(space, 'data', node)}/status"
    merge(space.server, path, {"status": {"attached": False, "attachError": error}})
    message = space.wait_for_event("user", "FailedAttachVolume")
    assert message == f'AttachVolume.Attach failed for volume "{space.name}-data" : no free slot'


def test_a_driver_that_attaches_nothing_gets_no_attachment(space: Space) -> None:
    node = create_node(space, "n1")
    driver = f"{space.name}.example.com"
    body = {"metadata": {"name": driver}, "spec": {"attachRequired": False}}
    ok(space.server, "POST", DRIVERS, body)
    create_claim(space, "shared", driver=driver)
    create_claim(space, "data")
    create_user(space, "user", node, "shared")
    create_user(space, "marker", node, "data")
    eventually(lambda: find_attachment(space, "data", node))
    name = name_attachment(space, "shared", node, driver)
    assert space.server.get(f"{ATTACHMENTS}/{name}").status == 404


def test_a_node_may_mount_an_iscsi_volume_without_an_attachment(space: Space) -> None:
    node = create_node(space, "n1")
    iscsi = {"targetPortal": "192.0.2.1:3260", "iqn": "iqn.2026-01.com.example:disk", "lun": 3}
    space.create_pod("user", node, volumes=[{"name": "data", "iscsi": iscsi}])
    name = "kubernetes.io/iscsi/192.0.2.1:3260:iqn.2026-01.com.example:disk:3"
    eventually(lambda: list_attached(space, node) == [name])
    space.delete("pods", "user")
    eventually(lambda: list_attached(space, node) == [])
