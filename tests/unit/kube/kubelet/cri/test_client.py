"""CRI calls over a Unix socket, against grpcio's own server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure


class Runtime:
    """As much of a runtime as the tests call."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    async def version(self, request: bytes, context: Any) -> bytes:
        self.requests.append(request)
        return pb.VersionResponse(runtime_name="test", runtime_api_version="v1").SerializeToString()

    async def list_images(self, request: bytes, context: Any) -> bytes:
        images = [pb.Image(id=f"sha256:{number}", repo_tags=["x" * 1_000_000]) for number in range(20)]
        return pb.ListImagesResponse(images=images).SerializeToString()

    async def stop(self, request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such container")
        raise AssertionError

    async def start(self, request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "container is running")
        raise AssertionError

    async def events(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        # As grpc-go's servers: the handler runs once the client has ended its side.
        async for request in requests:
            self.requests.append(request)
        for number in range(3):
            yield pb.ContainerEventResponse(container_id=str(number)).SerializeToString()


@contextlib.asynccontextmanager
async def runtime(socket: Path) -> AsyncIterator[tuple[Runtime, CriClient]]:
    service = Runtime()
    server: Any = grpc.aio.server()
    methods = {
        "Version": grpc.unary_unary_rpc_method_handler(service.version),
        "StopContainer": grpc.unary_unary_rpc_method_handler(service.stop),
        "StartContainer": grpc.unary_unary_rpc_method_handler(service.start),
        "GetContainerEvents": grpc.stream_stream_rpc_method_handler(service.events),
    }
    images = {"ListImages": grpc.unary_unary_rpc_method_handler(service.list_images)}
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler("runtime.v1.RuntimeService", methods),
            grpc.method_handlers_generic_handler("runtime.v1.ImageService", images),
        )
    )
    server.add_insecure_port(f"unix://{socket}")
    await server.start()
    client = CriClient(f"unix://{socket}")
    try:
        yield service, client
    finally:
        await client.close()
        await server.stop(None)


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "cri.sock"


async def test_a_call_answers_with_a_message(socket: Path) -> None:
    async with runtime(socket) as (service, client):
        assert (await client.version()).runtime_name == "test"
        assert pb.VersionRequest.FromString(service.requests[0]).version == "v1"


async def test_an_answer_larger_than_16_mib_arrives(socket: Path) -> None:
    async with runtime(socket) as (_, client):
        assert len(await client.list_images()) == 20


async def test_a_refusal_carries_code_and_text(socket: Path) -> None:
    async with runtime(socket) as (_, client):
        with pytest.raises(RuntimeFailure) as caught:
            await client.start_container("c")
        assert caught.value.code == "FAILED_PRECONDITION"
        assert str(caught.value) == "rpc error: code = FailedPrecondition desc = container is running"


async def test_stopping_a_missing_container_succeeds(socket: Path) -> None:
    async with runtime(socket) as (_, client):
        await client.stop_container("c", 1)


async def test_container_events_end_with_the_runtimes_stream(socket: Path) -> None:
    async with runtime(socket) as (service, client):
        assert [event.container_id async for event in client.container_events()] == ["0", "1", "2"]
        assert len(service.requests) == 1


async def test_an_unknown_method_is_unimplemented(socket: Path) -> None:
    async with runtime(socket) as (_, client):
        with pytest.raises(RuntimeFailure) as caught:
            await client.status()
        assert caught.value.code == "UNIMPLEMENTED"


async def test_a_runtime_that_is_down_is_unavailable_until_it_is_back(socket: Path) -> None:
    client = CriClient(f"unix://{socket}")
    with pytest.raises(RuntimeFailure, match=f"failed to connect to {socket}") as caught:
        await client.version()
    assert caught.value.code == "UNAVAILABLE"
    async with runtime(socket):
        assert (await client.version()).runtime_name == "test"
    await client.close()
