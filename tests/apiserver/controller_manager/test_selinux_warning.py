"""Pods that share a volume with different SELinux labels."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import ok
from tests.apiserver.controller_manager.conftest import Space
from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer


@pytest.fixture(scope="module", autouse=True)
def controller(server: ApiServer) -> Iterator[None]:
    with controllers(server, "selinux-warning-controller"):
        yield


def create_volume(space: Space, *, mounts_with_label: bool = True) -> None:
    """A bound claim `data` of a CSI driver of the test."""
    driver = f"{space.name}.example.com"
    spec = {"seLinuxMount": mounts_with_label, "attachRequired": False}
    ok(
        space.server,
        "POST",
        "/apis/storage.k8s.io/v1/csidrivers",
        {"metadata": {"name": driver}, "spec": spec},
    )
    source = {"csi": {"driver": driver, "volumeHandle": "data"}}
    space.create_bound_claim("data", source, ["ReadWriteMany"])


def create_user(space: Space, name: str, *levels: str, **security: str) -> None:
    """A pod with a container for each level. security: more of the pod's security context."""
    containers: list[JsonObject] = [
        {
            "name": f"c{number}",
            "image": "registry.k8s.io/pause:3.10",
            "securityContext": {"seLinuxOptions": {"level": level}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }
        for number, level in enumerate(levels)
    ]
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    space.create_pod(name, containers=containers, volumes=[volume], securityContext=security)


def test_two_labels_conflict(space: Space) -> None:
    create_volume(space)
    create_user(space, "a", "s0:c1,c2")
    create_user(space, "b", "s0:c3,c4")
    assert space.wait_for_event("a", "SELinuxLabelConflict") == (
        'SELinuxLabel ":::s0:c1,c2" conflicts with pod b that uses the same volume as this pod with SELinuxLabel '
        '":::s0:c3,c4". If both pods land on the same node, only one of them may access the volume.'
    )
    assert "conflicts with pod a" in space.wait_for_event("b", "SELinuxLabelConflict")


def test_two_policies_conflict(space: Space) -> None:
    create_volume(space)
    create_user(space, "a", "s0:c1,c2")
    create_user(space, "b", "s0:c1,c2", seLinuxChangePolicy="Recursive")
    message = space.wait_for_event("a", "SELinuxChangePolicyConflict")
    assert message.startswith('SELinuxChangePolicy "MountOption" conflicts with pod b ')
    assert 'SELinuxChangePolicy "Recursive". ' in message


def test_a_pod_with_two_labels_for_a_volume_is_warned(space: Space) -> None:
    create_volume(space)
    create_user(space, "a", "s0:c1,c2", "s0:c3,c4")
    message = space.wait_for_event("a", "MultipleSELinuxLabels")
    assert message == 'Volume "data" is mounted twice with different SELinux labels inside this pod'


def test_a_driver_that_mounts_without_labels_has_no_conflicts(space: Space) -> None:
    create_volume(space, mounts_with_label=False)
    create_user(space, "a", "s0:c1,c2")
    create_user(space, "b", "s0:c3,c4")
    # Its event comes after theirs.
    create_user(space, "marker", "s0:c1,c2", "s0:c3,c4")
    space.wait_for_event("marker", "MultipleSELinuxLabels")
    events = ok(space.server, "GET", space.path("events"))["items"]
    assert {event["reason"] for event in events} == {"MultipleSELinuxLabels"}
