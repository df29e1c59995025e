"""exec, attach and port forwarding by WebSocket for a kubelet that knows SPDY alone, over real sockets."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from kprov.kube.apiserver.streaming import kubelet, port_forward_tunnel, websocket_channels
from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse
from tests.unit.kube.spdy_server import SUCCESS, SpdyServer
from tests.unit.loop_clock import run_loop

TUNNEL = "SPDY/3.1+portforward.k8s.io"


Run = Callable[..., Awaitable[ClientWebSocketResponse]]


@pytest.fixture
async def machine() -> SpdyServer:
    return SpdyServer()


@pytest.fixture
async def url(machine: SpdyServer) -> AsyncIterator[str]:
    """Of an API server in front of the kubelet."""
    server = await asyncio.start_server(machine.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def handle(request: Request) -> BaseResponse:
        place = urlsplit(f"http://127.0.0.1:{port}{request.target}")
        if port_forward_tunnel.is_requested(request):
            return await port_forward_tunnel.forward(request, place, kubelet.build_unverified_context())
        assert websocket_channels.is_requested(request)
        wanted = {name: name in request.query for name in ("stdin", "stdout", "stderr", "tty")}
        return await websocket_channels.translate(request, place, kubelet.build_unverified_context(), wanted)

    listener = Listener(handle)
    await listener.start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{listener.port}"
    await listener.close()
    server.close()


@pytest.fixture
async def run(url: str) -> AsyncIterator[Run]:
    async with aiohttp.ClientSession() as session:

        async def start(path: str, *protocols: str) -> ClientWebSocketResponse:
            return await session.ws_connect(f"{url}{path}", protocols=protocols or (websocket_channels.V5,))

        yield start


async def received(socket: ClientWebSocketResponse) -> dict[int, bytes]:
    """What comes on each channel until the end."""
    found: dict[int, bytes] = {}
    async for message in socket:
        assert message.type is WSMsgType.BINARY
        found[message.data[0]] = found.get(message.data[0], b"") + message.data[1:]
    assert socket.close_code == 1000
    return found


async def test_stdin_ends_and_the_rest_comes_back(run: Run) -> None:
    socket = await run("/cat?stdin=1&stdout=1", "foo", "v4.channel.k8s.io", websocket_channels.V5)
    assert socket.protocol == websocket_channels.V5
    assert (await socket.receive()).data == b"\x01"
    data = bytes(range(256)) * 8192
    for start in range(0, len(data), 100_000):
        await socket.send_bytes(b"\0" + data[start : start + 100_000])
    await socket.send_bytes(b"\xff\0")
    assert await received(socket) == {1: data, 3: SUCCESS}


async def test_all_that_is_written_comes_to_a_slow_reader(run: Run) -> None:
    socket = await run("/big?stdout=1")
    await run_loop(1000)
    assert await received(socket) == {1: bytes(8_000_000), 3: SUCCESS}


@pytest.mark.parametrize(
    ("said", "protocol", "told"),
    [
        (b"", "v4.channel.k8s.io", {"metadata": {}, "status": "Success"}),
        (
            {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}}, "v4.channel.k8s.io",
            {
                "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
                "message": "command terminated with non-zero exit code: command terminated with exit code 3",
            },
        ),
        ({"status": "Failure", "message": "it broke"}, "v5.channel.k8s.io", "it broke"),
        ({"status": "What"}, "v4.channel.k8s.io", "error stream protocol error: unknown error"),
        ({"status": "Failure", "reason": "NonZeroExitCode"}, "v4.channel.k8s.io", "error stream protocol error: details must be set"),
        (
            {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": "300"}]}}, "v4.channel.k8s.io",
            'error stream protocol error: invalid exit code value "300"',
        ),
        (b"gone", "v3.channel.k8s.io", "error executing remote command: gone"),
        (b"gone", "channel.k8s.io", "Error executing remote command: gone"),
    ],
)  # fmt: skip
async def test_the_exit_status_is_sent_on_the_error_channel(
    run: Run, machine: SpdyServer, said: Any, protocol: str, told: Any
) -> None:
    machine.status = said if isinstance(said, bytes) else json.dumps(said).encode()
    machine.protocol = protocol
    found = json.loads((await received(await run("/exec?stdout=1")))[3])
    if isinstance(told, str):
        assert (found["message"], found["code"]) == (f"Internal error occurred: {told}", 500)
        assert found["details"] == {"causes": [{"message": told}]}
    else:
        assert found == told


async def test_a_kubelet_is_asked_by_post_for_each_protocol(run: Run, machine: SpdyServer) -> None:
    await received(await run("/exec?stdout=1"))
    assert machine.head.startswith("POST /exec?stdout=1 HTTP/1.1\r\n")
    assert machine.head.count("X-Stream-Protocol-Version: ") == 5


@pytest.mark.parametrize(
    ("path", "told"),
    [("/refuse", "unable to upgrade connection: no way"), ("/away", 'error sending request: Post "http://127.0.0.1:PORT/away": unexpected EOF')],
)  # fmt: skip
async def test_an_error_of_the_kubelet_reaches_the_client_as_a_status(
    run: Run, machine: SpdyServer, path: str, told: str
) -> None:
    found = json.loads((await received(await run(path)))[3])
    port = machine.head.partition("Host: 127.0.0.1:")[2].partition("\r")[0]
    assert found["message"] == f"Internal error occurred: {told}".replace("PORT", port)


async def test_sizes_of_a_terminal_go_on_until_one_is_none(run: Run) -> None:
    socket = await run("/cat?stdin=1&stdout=1&tty=1")
    await socket.send_bytes(b'\x04{"Width":80,"Hei')
    await socket.send_bytes(b'\x04ght":24}')
    await socket.send_bytes(b'\x04{"Width":70000}')
    await socket.send_bytes(b'\x04{"Width":1,"Height":1}')
    await socket.send_bytes(b"\xff\0")
    found = await received(socket)
    assert found[1].replace(b"<>", b"") == b'<{"Width":80,"Height":24}\n>'


@pytest.mark.parametrize("message", [b"\xff", b"\xff\0\0", b"\xff\x09"])
async def test_who_closes_no_channel_is_let_go(run: Run, message: bytes) -> None:
    socket = await run("/cat?stdin=1&stdout=1")
    await socket.send_bytes(message)
    assert await received(socket) == {1: b""}


async def test_the_end_of_the_client_is_the_end(run: Run) -> None:
    socket = await run("/cat?stdin=1&stdout=1")
    assert await socket.close(code=1001)
    assert socket.close_code == 1000


async def test_spdy_within_a_websocket(run: Run, machine: SpdyServer) -> None:
    machine.protocol = "portforward.k8s.io"
    socket = await run("/portforward", TUNNEL)
    assert socket.protocol == TUNNEL
    ping = struct.pack("!HHII", 0x8003, 6, 4, 1)
    await socket.send_bytes(ping[:5])
    await socket.send_bytes(ping[5:])
    assert (await socket.receive()).data == ping
    assert machine.head.startswith("POST /portforward HTTP/1.1\r\n")
    assert "\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n" in machine.head
    assert "Sec-Websocket-Key" not in machine.head
    await socket.close(code=1001)
    assert socket.close_code == 1001


@pytest.mark.parametrize(
    ("method", "key", "code"),
    [("GET", "", 400), ("GET", "YWJj", 400), ("GET", "?", 400), ("POST", "dGhlIHNhbXBsZSBub25jZQ==", 405)],
)
async def test_a_wrong_handshake_is_refused_once_the_kubelet_agrees(
    url: str, machine: SpdyServer, method: str, key: str, code: int
) -> None:
    sent = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": TUNNEL,
        "Sec-WebSocket-Key": key,
    }
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{url}/portforward", headers=sent) as answer,
    ):
        assert (answer.status, await answer.text()) == (code, f"{answer.reason}\n")
        assert answer.headers["Sec-Websocket-Version"] == "13"
    assert machine.head.startswith("POST /portforward")


async def test_text_is_no_spdy(run: Run) -> None:
    socket = await run("/portforward", TUNNEL)
    await socket.send_str("hello")
    assert await received(socket) == {}


async def test_the_response_of_a_kubelet_that_refuses_a_tunnel_is_passed_on(run: Run) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await run("/refuse", TUNNEL)
    assert caught.value.status == 403
    assert caught.value.headers is not None
    assert caught.value.headers["X-Said"] == "no"


async def test_a_kubelet_that_switches_to_something_else_is_none(run: Run, machine: SpdyServer) -> None:
    machine.upgrade = "h2c"
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await run("/portforward", TUNNEL)
    assert caught.value.status == 500
