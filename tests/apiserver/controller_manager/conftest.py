"""One server for all tests. Each module runs its controller."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.servers import ApiServer, running
from tests.builders.pods import build_pod

_NUMBERS: Final = itertools.count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("controller-manager")
    with running(folder, "--disable-admission-plugins=ServiceAccount") as (_, server):
        yield server


@dataclass(frozen=True, slots=True)
class Space:
    """A namespace of one test. Its name is in the names of the test's cluster-scoped objects."""

    server: ApiServer
    name: str

    def path(self, plural: str, name: str = "") -> str:
        """Path of a collection or an object of the namespace. plural: GROUP/VERSION/PLURAL outside the core."""
        group, _, kind = plural.rpartition("/")
        root = f"/apis/{group}" if group else "/api/v1"
        path = f"{root}/namespaces/{self.name}/{kind}"
        return f"{path}/{name}" if name else path

    def create(self, plural: str, body: JsonObject) -> JsonObject:
        return ok(self.server, "POST", self.path(plural), body)

    def get(self, plural: str, name: str) -> JsonObject:
        return ok(self.server, "GET", self.path(plural, name))

    def exists(self, plural: str, name: str) -> bool:
        return self.server.get(self.path(plural, name)).status == 200

    def delete(self, plural: str, name: str) -> None:
        ok(self.server, "DELETE", f"{self.path(plural, name)}?gracePeriodSeconds=0")

    def set_status(self, plural: str, name: str, status: JsonObject) -> None:
        merge(self.server, f"{self.path(plural, name)}/status", {"status": status})

    def create_pod(self, name: str, node: str = "", **spec: Any) -> JsonObject:
        if node:
            spec["nodeName"] = node
        return self.create("pods", build_pod(name, **spec))

    def create_bound_claim(
        self, name: str, source: JsonObject, modes: Sequence[str], *, storage_class: str = ""
    ) -> str:
        """A claim and its volume, bound to each other. Returns the volume's name."""
        volume = f"{self.name}-{name}"
        common = {"accessModes": list(modes), "storageClassName": storage_class}
        asked = {"resources": {"requests": {"storage": "1Gi"}}, "volumeName": volume}
        claim = self.create("persistentvolumeclaims", {"metadata": {"name": name}, "spec": common | asked})
        target = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": self.name, "name": name}
        spec = common | source | {"capacity": {"storage": "1Gi"}}
        spec["claimRef"] = target | {"uid": claim["metadata"]["uid"]}
        ok(self.server, "POST", "/api/v1/persistentvolumes", {"metadata": {"name": volume}, "spec": spec})
        status = {"phase": "Bound", "accessModes": list(modes), "capacity": {"storage": "1Gi"}}
        self.set_status("persistentvolumeclaims", name, status)
        return volume

    def wait_for_event(self, name: str, reason: str) -> str:
        """The message of the first event of that reason about an object."""

        def find() -> str | None:
            events = ok(self.server, "GET", self.path("events"))["items"]
            return next(
                (
                    event["message"]
                    for event in events
                    if event["reason"] == reason and event["involvedObject"]["name"] == name
                ),
                None,
            )

        return str(eventually(find))


@pytest.fixture
def space(server: ApiServer) -> Space:
    name = f"space-{next(_NUMBERS)}"
    ok(server, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return Space(server, name)
