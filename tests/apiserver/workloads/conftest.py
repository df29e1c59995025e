"""One server with controllers and a fake kubelet for all tests. Each test has a namespace of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.controllers import governed_server
from tests.apiserver.fake_kubelet import FakeKubelet, fake_kubelet
from tests.apiserver.servers import ApiServer

_NUMBERS = itertools.count()
_CONTROLLERS = (
    "job-controller",
    "cronjob-controller",
    "ttl-after-finished-controller",
    "deployment-controller",
    "replicaset-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
)
#: Paths of the API groups other than batch/v1.
_GROUPS = {
    "pods": "/api/v1",
    "events": "/api/v1",
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
}


@dataclass(frozen=True, slots=True)
class Home:
    """A namespace of the server, with its default service account."""

    server: ApiServer
    kubelet: FakeKubelet
    name: str

    def path(self, plural: str, name: str = "") -> str:
        """Path of a collection or an object."""
        root = f"{_GROUPS.get(plural, '/apis/batch/v1')}/namespaces/{self.name}/{plural}"
        return f"{root}/{name}" if name else root

    def create(self, plural: str, body: JsonObject) -> JsonObject:
        return ok(self.server, "POST", self.path(plural), body)

    def get(self, plural: str, name: str) -> JsonObject:
        return ok(self.server, "GET", self.path(plural, name))

    def exists(self, plural: str, name: str) -> bool:
        return self.server.get(self.path(plural, name)).status == 200

    def list(self, plural: str) -> list[JsonObject]:
        return list(ok(self.server, "GET", self.path(plural))["items"])

    def merge(self, plural: str, name: str, patch: JsonObject) -> JsonObject:
        return merge(self.server, self.path(plural, name), patch)

    def delete(self, plural: str, name: str, propagation: str = "Background") -> None:
        ok(self.server, "DELETE", self.path(plural, name), {"propagationPolicy": propagation})

    def list_reasons(self, name: str) -> set[str]:
        """Reasons of the events about an object."""
        return {each["reason"] for each in self.list("events") if each["involvedObject"]["name"] == name}

    def wait_for_reason(self, name: str, reason: str) -> None:
        eventually(lambda: reason in self.list_reasons(name))


@pytest.fixture(scope="session")
def workloads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiServer, FakeKubelet]]:
    """A server with all admission, the controllers of workloads, and a fake kubelet."""
    with (
        governed_server(tmp_path_factory.mktemp("workloads"), *_CONTROLLERS) as server,
        fake_kubelet(server) as kubelet,
    ):
        yield server, kubelet


@pytest.fixture
def home(workloads: tuple[ApiServer, FakeKubelet]) -> Home:
    """A new namespace."""
    server, kubelet = workloads
    name = f"workload-{next(_NUMBERS)}"
    ok(server, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    eventually(lambda: server.get(account).status == 200)
    return Home(server, kubelet, name)
