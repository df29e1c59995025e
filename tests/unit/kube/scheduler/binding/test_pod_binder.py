"""Bindings whose answer does not say what the server has done: their pods keep their places on the nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from kprov.kube.scheduler.informers.scheduler_informers import SchedulerInformers
from tests.builders.pods import build_pod
from tests.unit.kube.controller_manager.conftest import Refused
from tests.unit.kube.http_server import served
from tests.unit.kube.scheduler.scheduler_runner import BindingServer, create_node, run_scheduler


class SlowServer(BindingServer):
    """Its first binding fails with `code` once `answer` is set, after it was executed on `node`.

    Code 0: the connection breaks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()
        self.node = ""
        self.code = 504

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await super()._route(request)
        except ConnectionResetError:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

    async def handle_binding(self, name: str, node: str) -> None:
        if len(self.targets) == 1:
            if self.node:
                await super().handle_binding(name, self.node)
            await self.answer.wait()
            if not self.code:
                raise ConnectionResetError
            raise Refused(self.code, "Conflict" if self.code == 409 else "Timeout")
        if self.get("pods", name)["spec"].get("nodeName"):
            raise Refused(409, "Conflict")
        await super().handle_binding(name, node)


@pytest.fixture
async def server() -> AsyncIterator[SlowServer]:
    made = SlowServer()
    async with served(made.handle) as made.port:
        yield made


@pytest.fixture
async def sources(server: SlowServer) -> AsyncIterator[SchedulerInformers]:
    """Those of a scheduler that runs with one node of 4 CPU."""
    await create_node(server, "a")
    async with run_scheduler(server) as sources:
        yield sources


async def wait_for_rejection(server: SlowServer, name: str) -> None:
    await server.until(lambda: server.get("pods", name)["status"].get("conditions"))
    assert "nodeName" not in server.get("pods", name)["spec"]


async def test_a_binding_that_was_executed_keeps_its_place_if_its_answer_is_an_error(
    server: SlowServer, sources: SchedulerInformers
) -> None:
    """The watch shows the bound pod before the error arrives."""
    server.node = "a"
    bound = asyncio.Event()
    sources.pods.add_handler(on_update=lambda _, new: bound.set() if new.spec.node_name else None)
    await server.create("pods", build_pod("first", schedulerName="default-scheduler", cpu="3", status={}))
    await asyncio.wait_for(bound.wait(), 5)
    server.answer.set()
    await server.create("pods", build_pod("second", schedulerName="default-scheduler", cpu="3", status={}))
    await wait_for_rejection(server, "second")
    assert server.targets == ["a"]


async def test_a_pod_that_another_scheduler_has_bound_keeps_its_place(
    server: SlowServer, sources: SchedulerInformers
) -> None:
    """The conflict arrives after the watch has shown where the other one bound the pod."""
    await create_node(server, "b", cpu="1", only="b")
    server.node, server.code = "b", 409
    bound = asyncio.Event()
    sources.pods.add_handler(on_update=lambda _, new: bound.set() if new.spec.node_name else None)
    await server.create("pods", build_pod("first", schedulerName="default-scheduler", cpu="3", status={}))
    await asyncio.wait_for(bound.wait(), 5)
    server.answer.set()
    second = build_pod("second", schedulerName="default-scheduler", cpu="3", status={})
    second["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "1"
    second["spec"]["nodeSelector"] = {"only": "b"}
    await server.create("pods", second)
    await wait_for_rejection(server, "second")


async def test_a_binding_without_an_answer_is_repeated_before_the_place_is_given_away(
    server: SlowServer, sources: SchedulerInformers
) -> None:
    """The server did not execute the first one."""
    server.code = 0
    server.answer.set()
    await server.create("pods", build_pod("first", schedulerName="default-scheduler", cpu="3", status={}))
    await server.create("pods", build_pod("second", schedulerName="default-scheduler", cpu="3", status={}))
    await server.until(lambda: server.get("pods", "first")["spec"].get("nodeName"))
    await wait_for_rejection(server, "second")
    assert server.targets == ["a", "a"]
