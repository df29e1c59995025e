"""A binding that fails after PreBind: what the pod had is free again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kprov.kube.machinery import resources
from tests.builders.pods import build_pod
from tests.unit.kube.controller_manager.conftest import Refused
from tests.unit.kube.http_server import served
from tests.unit.kube.scheduler.scheduler_runner import BindingServer, create_node, run_scheduler


class RefusingServer(BindingServer):
    """Refuses the bindings of the pods in `refused`."""

    def __init__(self) -> None:
        super().__init__()
        kinds = {"resourceclaims", "resourceslices", "deviceclasses"}
        self.resources |= {each.plural: each for each in resources.list_resources() if each.plural in kinds}
        self.refused: set[str] = set()

    async def handle_binding(self, name: str, node: str) -> None:
        if name in self.refused:
            raise Refused(409, "Conflict")
        await super().handle_binding(name, node)

    def list_consumers(self) -> list[list[str]]:
        """Who has the claim reserved, after each of its changes."""
        claims = [obj for _, _, plural, obj in self.log if plural == "resourceclaims"]
        return [[each["name"] for each in claim.get("status", {}).get("reservedFor", [])] for claim in claims]


@pytest.fixture
async def server() -> AsyncIterator[RefusingServer]:
    made = RefusingServer()
    async with served(made.handle) as made.port:
        await create_node(made, "a")
        await made.create("deviceclasses", {"metadata": {"name": "gpu"}, "spec": {}})
        pool = {"name": "a", "generation": 1, "resourceSliceCount": 1}
        devices = {"driver": "gpu.org", "nodeName": "a", "pool": pool, "devices": [{"name": "gpu-0"}]}
        await made.create("resourceslices", {"metadata": {"name": "s"}, "spec": devices})
        request = {
            "name": "r",
            "exactly": {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 1},
        }
        claim = {"metadata": {"name": "c"}, "spec": {"devices": {"requests": [request]}}, "status": {}}
        await made.create("resourceclaims", claim)
        yield made


async def test_a_claim_loses_its_reservation_until_the_pod_is_tried_again(server: RefusingServer) -> None:
    server.refused = {"p"}
    async with run_scheduler(server):
        await server.create(
            "pods",
            build_pod(
                "p",
                schedulerName="default-scheduler",
                cpu="3",
                resourceClaims=[{"name": "c", "resourceClaimName": "c"}],
                status={},
            ),
        )
        await server.until(lambda: server.list_consumers()[-1:] == [[]] and ["p"] in server.list_consumers())
        # The devices stay allocated: the pod, or another one with the claim, uses them later.
        assert server.get("resourceclaims", "c")["status"]["allocation"]["devices"]["results"]
        server.refused = set()
        await server.until(lambda: server.get("pods", "p")["spec"].get("nodeName"))
    assert server.list_consumers()[-1] == ["p"]


async def test_another_pod_gets_the_place_on_the_node(server: RefusingServer) -> None:
    server.refused = {"first"}
    async with run_scheduler(server):
        await server.create(
            "pods",
            build_pod(
                "first",
                schedulerName="default-scheduler",
                cpu="3",
                resourceClaims=[{"name": "c", "resourceClaimName": "c"}],
                status={},
            ),
        )
        await server.until(lambda: ["first"] in server.list_consumers())
        await server.create(
            "pods", build_pod("second", schedulerName="default-scheduler", cpu="3", status={})
        )
        await server.until(lambda: server.get("pods", "second")["spec"].get("nodeName"))
        await server.until(lambda: server.list_consumers()[-1] == [])
