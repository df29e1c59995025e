"""Limits of CSI drivers, and features that nodes declare."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.scheduling.conftest import NODES, Space
from tests.apiserver.scheduling.test_preemption import wait_for_message
from tests.builders.pods import build_pod

_STORAGE = "/apis/storage.k8s.io/v1"


@pytest.fixture
def driver(space: Space) -> Iterator[str]:
    """A driver that attaches one volume to each node."""
    name = f"{space.name}.example.com"
    drivers = [{"name": name, "nodeID": "x", "allocatable": {"count": 1}}]
    for node in NODES:
        ok(
            space.server,
            "POST",
            f"{_STORAGE}/csinodes",
            {"metadata": {"name": node}, "spec": {"drivers": drivers}},
        )
    yield name
    for node in NODES:
        ok(space.server, "DELETE", f"{_STORAGE}/csinodes/{node}")
    ok(space.server, "DELETE", f"{space.pods}?gracePeriodSeconds=0")


def create_volume(space: Space, driver: str, name: str) -> str:
    """A claim with a volume. Returns the name of the volume."""
    volume = f"{space.name}-{name}"
    modes, amount = ["ReadWriteOnce"], {"storage": "1Gi"}
    csi = {"driver": driver, "volumeHandle": name}
    claim = {"namespace": space.name, "name": name}
    spec = {"capacity": amount, "accessModes": modes, "csi": csi, "claimRef": claim}
    ok(
        space.server,
        "POST",
        "/api/v1/persistentvolumes",
        {"metadata": {"name": volume}, "spec": spec | {"storageClassName": ""}},
    )
    metadata = {"name": name, "annotations": {"pv.kubernetes.io/bind-completed": "yes"}}
    claim_spec = {
        "accessModes": modes,
        "resources": {"requests": amount},
        "volumeName": volume,
        "storageClassName": "",
    }
    path = f"/api/v1/namespaces/{space.name}/persistentvolumeclaims"
    ok(space.server, "POST", path, {"metadata": metadata, "spec": claim_spec})
    return volume


def create_pod(space: Space, name: str, claim: str) -> None:
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": claim}}
    ok(space.server, "POST", space.pods, build_pod(name, volumes=[volume]))


def test_a_node_has_no_more_volumes_than_its_driver_attaches(space: Space, driver: str) -> None:
    for name in ("a", "b", "c"):
        create_volume(space, driver, name)
    for name in ("a", "b"):
        create_pod(space, name, name)
        space.run_pods(name)
    assert {space.get_pod(name)["spec"]["nodeName"] for name in ("a", "b")} == set(NODES)
    # A volume that is on the node already needs no further attachment.
    create_pod(space, "again", "a")
    space.run_pods("again")
    create_pod(space, "c", "c")
    wait_for_message(
        space,
        "c",
        "0/2 nodes are available: 2 node(s) exceed max volume count. no new claims to deallocate, "
        "preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
    )
    ok(space.server, "DELETE", f"{space.pods}/b?gracePeriodSeconds=0")
    space.run_pods("c")


def test_attached_volumes_count_without_pods(space: Space, driver: str) -> None:
    volume = create_volume(space, driver, "old")
    spec = {"attacher": driver, "nodeName": NODES[0], "source": {"persistentVolumeName": volume}}
    attachments = f"{_STORAGE}/volumeattachments"
    ok(space.server, "POST", attachments, {"metadata": {"name": space.name}, "spec": spec})
    for name in ("a", "b"):
        create_volume(space, driver, name)
    create_pod(space, "a", "a")
    space.run_pods("a")
    assert space.get_pod("a")["spec"]["nodeName"] == NODES[1]
    create_pod(space, "b", "b")
    eventually(lambda: space.get_condition("b", "PodScheduled"))
    ok(space.server, "DELETE", f"{attachments}/{space.name}")
    space.run_pods("b")


def test_a_pod_that_needs_a_feature_waits_for_a_node_that_declares_it(space: Space) -> None:
    rule = {"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}
    container = {
        "name": "c",
        "image": "registry.k8s.io/pause:3.10",
        "restartPolicy": "Never",
        "restartPolicyRules": [rule],
    }
    spec = {"containers": [container], "restartPolicy": "Never"}
    ok(space.server, "POST", space.pods, {"metadata": {"name": "p"}, "spec": spec})
    wait_for_message(
        space,
        "p",
        "0/2 nodes are available: 2 node(s) didn't match Pod's required features. no new claims to "
        "deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
    )
    path = f"/api/v1/nodes/{NODES[1]}/status"
    features = {"declaredFeatures": ["RestartAllContainersOnContainerExits"]}
    merge(space.server, path, {"status": features})
    space.run_pods("p")
    assert space.get_pod("p")["spec"]["nodeName"] == NODES[1]
    merge(space.server, path, {"status": {"declaredFeatures": None}})
    ok(space.server, "DELETE", f"{space.pods}/p?gracePeriodSeconds=0")
