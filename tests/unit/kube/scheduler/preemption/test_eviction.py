"""A running scheduler that preempts: what it writes, and that slow requests delay no other pod."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from kprov.kube.machinery.json_object import JsonObject
from tests.unit.kube.controller_manager.conftest import Refused
from tests.unit.kube.http_server import served
from tests.unit.kube.scheduler.scheduler_runner import BindingServer, create_node, run_scheduler


class SlowServer(BindingServer):
    """Deletes pods once `may_delete` is set. `refusals`: how many deletions fail before."""

    def __init__(self) -> None:
        super().__init__()
        self.may_delete = asyncio.Event()
        self.refusals = 0
        self.deletions = 0

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "DELETE":
            async with self.changed:
                self.deletions += 1
                self.changed.notify_all()
            if self.refusals:
                self.refusals -= 1
                raise Refused(500, "InternalError")
            await self.may_delete.wait()
        return await super()._route(request)

    def list_conditions(self, name: str) -> dict[str, JsonObject]:
        status = self.get("pods", name).get("status", {})
        return {each["type"]: each for each in status.get("conditions", [])}

    def get_node(self, name: str) -> str:
        return str(self.get("pods", name)["spec"].get("nodeName", ""))

    async def create_pod(self, name: str, priority: int, *, cpu: str = "1", **spec: Any) -> JsonObject:
        container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}
        whole = {"schedulerName": "default-scheduler", "containers": [container], "priority": priority} | spec
        return await self.create("pods", {"metadata": {"name": name}, "spec": whole, "status": {}})


@pytest.fixture
async def server() -> AsyncIterator[SlowServer]:
    made = SlowServer()
    await create_node(made, "n", cpu="2")
    async with served(made.handle) as made.port, run_scheduler(made):
        yield made


async def fill(server: SlowServer) -> None:
    """A pod of priority 0 that takes the whole node."""
    await server.create_pod("victim", 0, cpu="2")
    await server.until(lambda: server.get_node("victim"))


async def test_a_slow_deletion_delays_no_other_pod(server: SlowServer) -> None:
    await fill(server)
    preemptor = await server.create_pod("preemptor", 10, cpu="2")
    await server.until(lambda: server.deletions)
    status = server.get("pods", "preemptor")["status"]
    assert status["nominatedNodeName"] == "n"
    assert "PodScheduled" in server.list_conditions("preemptor")
    target = server.list_conditions("victim")["DisruptionTarget"]
    assert (target["status"], target["reason"]) == ("True", "PreemptionByScheduler")
    await create_node(server, "other", cpu="1")
    await server.create_pod("small", 0)
    await server.until(lambda: server.get_node("small") == "other")
    assert not server.get_node("preemptor")
    server.may_delete.set()
    await server.until(lambda: server.get_node("preemptor") == "n")
    events = await server.until(
        lambda: [each for each in server.list("events") if each["reason"] == "Preempted"]
    )
    assert events[0]["message"] == f"Preempted by pod {preemptor['metadata']['uid']} on node n"


async def test_a_deletion_that_fails_is_tried_again(server: SlowServer) -> None:
    server.refusals = 1
    server.may_delete.set()
    await fill(server)
    await server.create_pod("preemptor", 10, cpu="2")
    await server.until(lambda: server.get_node("preemptor") == "n")
    assert server.deletions == 2


async def test_a_higher_pod_takes_the_nomination_of_a_lower_one(server: SlowServer) -> None:
    """Both preempt the same pod. The lower one loses its nomination and waits."""
    await fill(server)
    await server.create_pod("middle", 5, cpu="2")
    await server.until(lambda: server.get("pods", "middle")["status"].get("nominatedNodeName") == "n")
    await server.create_pod("high", 10, cpu="2")
    await server.until(lambda: server.get("pods", "high")["status"].get("nominatedNodeName") == "n")
    await server.until(lambda: not server.get("pods", "middle")["status"].get("nominatedNodeName"))
    server.may_delete.set()
    await server.until(lambda: server.get_node("high") == "n")
    assert not server.get_node("middle")


async def test_the_condition_says_why_preemption_does_not_help(server: SlowServer) -> None:
    await server.create_pod("high", 100, cpu="2")
    await server.until(lambda: server.get_node("high"))
    await server.create_pod("low", 5, cpu="1")
    condition = await server.until(lambda: server.list_conditions("low").get("PodScheduled"))
    assert condition["message"] == (
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
        "preemption: 0/1 nodes are available: "
        "1 No preemption victims found for incoming pod."
    )
    assert condition["observedGeneration"] == 1


async def test_a_pod_that_waits_for_its_volume_is_preempted_without_a_deletion(server: SlowServer) -> None:
    """It has no node yet in the API. Its binding ends, and it waits in the queue again."""
    mode = {"provisioner": "example.com/disks", "volumeBindingMode": "WaitForFirstConsumer"}
    await server.create("storageclasses", {"metadata": {"name": "slow"}} | mode)
    claim = {"storageClassName": "slow", "resources": {"requests": {"storage": "1Gi"}}}
    await server.create("persistentvolumeclaims", {"metadata": {"name": "data"}, "spec": claim})
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    await server.create_pod("waiting", 0, cpu="2", volumes=volumes)
    selected = "volume.kubernetes.io/selected-node"
    await server.until(
        lambda: (server.get("persistentvolumeclaims", "data")["metadata"].get("annotations") or {}).get(
            selected
        )
    )
    await server.create_pod("preemptor", 10, cpu="2")
    await server.until(lambda: server.get_node("preemptor") == "n")
    assert server.deletions == 0
    condition = await server.until(lambda: server.list_conditions("waiting").get("PodScheduled"))
    assert condition["status"] == "False"
    await server.until(
        lambda: any(
            each["reason"] == "Preempted" and each["message"].endswith("(in kube-scheduler memory).")
            for each in server.list("events")
        )
    )
