"""Volume attributes classes that are in use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.controller_manager.conftest import Space
from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer

CLASSES = "/apis/storage.k8s.io/v1/volumeattributesclasses"
NAME = "volumeattributesclass-protection-controller"
FINALIZER = "kubernetes.io/vac-protection"


@pytest.fixture(scope="module", autouse=True)
def controller(server: ApiServer) -> Iterator[None]:
    with controllers(server, NAME):
        yield


def create_class(space: Space, name: str) -> str:
    """Returns its path."""
    whole = f"{space.name}-{name}"
    body = {"driverName": "disk.example.com", "parameters": {"iops": "100"}}
    ok(space.server, "POST", CLASSES, {"metadata": {"name": whole}, **body})
    path = f"{CLASSES}/{whole}"
    eventually(lambda: FINALIZER in ok(space.server, "GET", path)["metadata"].get("finalizers", []))
    return path


def create_claim(space: Space, **spec: object) -> None:
    resources = {"requests": {"storage": "1Gi"}}
    whole: JsonObject = {"accessModes": ["ReadWriteOnce"], "resources": resources, **spec}
    space.create("persistentvolumeclaims", {"metadata": {"name": "data"}, "spec": whole})


def test_an_unused_class_is_deleted(space: Space) -> None:
    path = create_class(space, "gold")
    ok(space.server, "DELETE", path)
    eventually(lambda: space.server.get(path).status == 404)


def test_a_class_stays_until_no_claim_asks_for_it(space: Space) -> None:
    path, other = create_class(space, "gold"), create_class(space, "silver")
    create_claim(space, volumeAttributesClassName=f"{space.name}-gold")
    ok(space.server, "DELETE", path)
    # The marker goes the same way later.
    ok(space.server, "DELETE", other)
    eventually(lambda: space.server.get(other).status == 404)
    assert ok(space.server, "GET", path)["metadata"]["deletionTimestamp"]
    space.delete("persistentvolumeclaims", "data")
    merge(space.server, space.path("persistentvolumeclaims", "data"), {"metadata": {"finalizers": None}})
    eventually(lambda: space.server.get(path).status == 404)


def test_a_class_stays_while_a_claim_still_has_it(space: Space) -> None:
    path = create_class(space, "gold")
    create_claim(space)
    space.set_status(
        "persistentvolumeclaims", "data", {"currentVolumeAttributesClassName": f"{space.name}-gold"}
    )
    ok(space.server, "DELETE", path)
    assert ok(space.server, "GET", path)["metadata"]["deletionTimestamp"]
    space.set_status("persistentvolumeclaims", "data", {"currentVolumeAttributesClassName": None})
    eventually(lambda: space.server.get(path).status == 404)
