"""gRPC probes against grpcio's own server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from kprov.kube.api.core import Container, GRPCAction, Probe
from kprov.kube.kubelet.cri.client import CriClient
from kprov.kube.kubelet.probes.errors import HandlerError
from kprov.kube.kubelet.probes.handler_runner import HandlerRunner

LONG = "s" * 300


class Health:
    """A health service: a status for each service name."""

    def __init__(self) -> None:
        self.user_agents: list[str] = []
        self.answers = {b"": b"\x08\x01", b"\n\x02up": b"\x08\x01", b"\n\x04down": b"\x08\x02"}
        self.answers[b"\n\xac\x02" + LONG.encode()] = b"\x08\x01"

    async def check(self, request: bytes, context: Any) -> bytes:
        self.user_agents.append(dict(context.invocation_metadata())["user-agent"])
        if request not in self.answers:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return self.answers[request]


@contextlib.asynccontextmanager
async def health() -> AsyncIterator[tuple[Health, int]]:
    service = Health()
    server: Any = grpc.aio.server()
    methods = {"Check": grpc.unary_unary_rpc_method_handler(service.check)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield service, port
    finally:
        await server.stop(None)


async def probe(port: int, service: str) -> None:
    handlers = HandlerRunner(cast("CriClient", None))
    action = Probe(grpc=GRPCAction(port=port, service=service))
    await handlers.run(action, cast("Container", None), "", "127.0.0.1", 5)


@pytest.mark.parametrize("service", ["", "up", LONG])
async def test_a_service_that_serves_passes(service: str) -> None:
    async with health() as (server, port):
        await probe(port, service)
        assert server.user_agents[0].startswith("kube-probe/")


async def test_a_service_that_does_not_serve_fails_with_its_status() -> None:
    async with health() as (_, port):
        with pytest.raises(HandlerError, match=r'service unhealthy \(responded with "NOT_SERVING"\)'):
            await probe(port, "down")


async def test_an_unknown_service_fails_with_the_servers_text() -> None:
    async with health() as (_, port):
        with pytest.raises(HandlerError, match="error: health rpc failed: unknown service"):
            await probe(port, "other")


async def test_a_port_without_a_server_fails() -> None:
    async with health() as (_, port):
        pass
    with pytest.raises(HandlerError, match="failed to connect"):
        await probe(port, "")
