"""Claims that ask for more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apiserver.conformance.calls import merge, ok
from tests.apiserver.controller_manager.conftest import Space
from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer

CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


@pytest.fixture(scope="module", autouse=True)
def controller(server: ApiServer) -> Iterator[None]:
    with controllers(server, "persistentvolume-expander"):
        yield


def test_a_claim_that_grows_waits_for_its_drivers_resizer(space: Space) -> None:
    body = {"provisioner": "disk.example.com", "allowVolumeExpansion": True}
    ok(space.server, "POST", CLASSES, {"metadata": {"name": space.name}, **body})
    source = {"csi": {"driver": "disk.example.com", "volumeHandle": space.name}}
    for name in ("grows", "stays"):
        space.create_bound_claim(name, source, ["ReadWriteOnce"], storage_class=space.name)
    merge(
        space.server,
        space.path("persistentvolumeclaims", "grows"),
        {"spec": {"resources": {"requests": {"storage": "2Gi"}}}},
    )
    message = space.wait_for_event("grows", "ExternalExpanding")
    assert message == "waiting for an external controller to expand this PVC"
    events = ok(space.server, "GET", space.path("events"))["items"]
    assert {event["involvedObject"]["name"] for event in events} == {"grows"}
    assert {event["source"]["component"] for event in events} == {"volume_expand"}
