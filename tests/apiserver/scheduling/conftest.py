"""One server with controllers, a scheduler and a fake kubelet of two nodes for all tests.

Each test has a namespace and an extended resource of its own, so that no test fills a node of another one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.controllers import governed_server
from tests.apiserver.fake_kubelet import FakeKubelet, fake_kubelet
from tests.apiserver.schedulers import scheduler
from tests.apiserver.scheduling.extender_server import ExtenderServer, extender_server
from tests.apiserver.servers import ApiServer
from tests.builders.pods import build_pod

NODES: Final = ("node-a", "node-b")
_NUMBERS = itertools.count()
_CONTROLLERS: Final = (
    "replicaset-controller",
    "disruption-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "resourceclaim-controller",
    "serviceaccount-controller",
)
_CLASSES: Final = "/apis/scheduling.k8s.io/v1/priorityclasses"
#: Besides the default scheduler, one that fills nodes and never preempts.
_PROFILES: Final = [
    {"schedulerName": "default-scheduler"},
    {
        "schedulerName": "packing",
        "plugins": {"postFilter": {"disabled": [{"name": "*"}]}},
        "pluginConfig": [
            {"name": "NodeResourcesFit", "args": {"scoringStrategy": {"type": "MostAllocated"}}}
        ],
    },
]
#: The controllers start beside the scheduler and the kubelet.
_START_SECONDS: Final = 120.0
_PRIORITIES: Final = {"low": 1, "medium": 100, "high": 1000}


@dataclass(frozen=True, slots=True)
class Space:
    """A namespace with its default service account, and the name of an extended resource."""

    server: ApiServer
    kubelet: FakeKubelet
    name: str
    resource: str

    @property
    def pods(self) -> str:
        return f"/api/v1/namespaces/{self.name}/pods"

    def add_resource(self, node: str, amount: int) -> None:
        """Give a node that much of the extended resource."""
        amounts = {self.resource: str(amount)}
        merge(
            self.server,
            f"/api/v1/nodes/{node}/status",
            {"status": {"capacity": amounts, "allocatable": amounts}},
        )

    def build_pod(
        self,
        name: str,
        *,
        amount: int,
        priority: str,
        node: str = "",
        meta: JsonObject | None = None,
        **spec: Any,
    ) -> JsonObject:
        """A pod that requests the resource. node: where it must run."""
        amounts = {self.resource: str(amount)}
        if node:
            field = {"key": "metadata.name", "operator": "In", "values": [node]}
            terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
            spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
        return build_pod(
            name, requests=amounts, limits=amounts, metadata=meta, **{"priorityClassName": priority} | spec
        )

    def create_pod(
        self, name: str, *, amount: int, priority: str, namespace: str = "", **more: Any
    ) -> JsonObject:
        """more: see build_pod."""
        body = self.build_pod(name, amount=amount, priority=priority, **more)
        path = f"/api/v1/namespaces/{namespace}/pods" if namespace else self.pods
        return ok(self.server, "POST", path, body)

    def get_pod(self, name: str) -> JsonObject:
        return ok(self.server, "GET", f"{self.pods}/{name}")

    def is_running(self, name: str, namespace: str = "") -> bool:
        path = f"/api/v1/namespaces/{namespace or self.name}/pods/{name}"
        return bool(ok(self.server, "GET", path)["status"].get("phase") == "Running")

    def run_pods(self, *names: str) -> None:
        """Wait until the pods run."""
        eventually(lambda: all(self.is_running(name) for name in names))

    def is_preempted(self, name: str) -> bool:
        """Whether the pod is gone or being deleted."""
        answer = self.server.get(f"{self.pods}/{name}")
        return answer.status == 404 or "deletionTimestamp" in answer.json["metadata"]

    def get_condition(self, name: str, kind: str) -> JsonObject | None:
        conditions = self.get_pod(name)["status"].get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), None)

    def list_events(self, name: str, reason: str) -> list[str]:
        """Messages of the events about a pod."""
        events = ok(self.server, "GET", f"/api/v1/namespaces/{self.name}/events")["items"]
        return [
            event["message"]
            for event in events
            if (event["involvedObject"]["name"], event["reason"]) == (name, reason)
        ]


@pytest.fixture(scope="session")
def extender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExtenderServer]:
    with extender_server(tmp_path_factory.mktemp("extender")) as server:
        yield server


@pytest.fixture(scope="session")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, extender: ExtenderServer
) -> Iterator[tuple[ApiServer, FakeKubelet]]:
    with (
        governed_server(tmp_path_factory.mktemp("scheduling"), *_CONTROLLERS) as server,
        fake_kubelet(server, NODES, binds=False) as kubelet,
        scheduler(server, profiles=_PROFILES, extenders=extender.configuration),
    ):
        extender.server = server
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        eventually(lambda: server.get(account).status == 200, _START_SECONDS)
        for name, value in _PRIORITIES.items():
            ok(server, "POST", _CLASSES, {"metadata": {"name": name}, "value": value})
        yield server, kubelet


@pytest.fixture
def space(cluster: tuple[ApiServer, FakeKubelet]) -> Space:
    server, kubelet = cluster
    number = next(_NUMBERS)
    name = f"space-{number}"
    ok(server, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    eventually(lambda: server.get(f"/api/v1/namespaces/{name}/serviceaccounts/default").status == 200)
    return Space(server, kubelet, name, f"example.com/foo-{number}")
