"""exec, attach and port forwarding for clients whose protocol the container runtime does not speak.

Those are v5.channel.k8s.io and SPDY within a WebSocket. They are converted to SPDY here. All
other requests are passed through to the runtime.
Source: upstream pkg/kubelet/server/server.go (getExec, getAttach, getPortForward).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final

import orjson
from aiohttp import WSMsgType, web

from kprov.kube.component_base.bidirectional_copy import copy_both_ways
from kprov.kube.component_base.http11.framing import list_connection_options
from kprov.kube.component_base.tasks import start_task
from kprov.kube.kubelet.server import spdy
from kprov.kube.kubelet.server.pass_through import get_response, pass_through, prepare_upgrade

log = logging.getLogger(__name__)

V5: Final = "v5.channel.k8s.io"
TUNNEL: Final = "SPDY/3.1+portforward.k8s.io"
_RUNTIME_EXEC: Final = "v4.channel.k8s.io"
_RUNTIME_FORWARD: Final = "portforward.k8s.io"
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE = 0, 1, 2, 3, 4
_CLOSE: Final = 255


def is_upgrade(request: web.BaseRequest) -> bool:
    """Whether the client requests another protocol."""
    return "upgrade" in list_connection_options(request.headers) and bool(request.headers.get("Upgrade"))


def is_websocket(request: web.BaseRequest) -> bool:
    """Whether the client requests a WebSocket."""
    return is_upgrade(request) and request.headers["Upgrade"].lower() == "websocket"


def offers_subprotocol(request: web.BaseRequest, subprotocol: str) -> bool:
    """Whether the client offers that WebSocket subprotocol."""
    offered = ",".join(request.headers.getall("Sec-WebSocket-Protocol", []))
    return is_websocket(request) and subprotocol in [each.strip() for each in offered.split(",")]


async def bridge_remote_command(
    request: web.BaseRequest, url: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool
) -> web.StreamResponse:
    """Bridge one client to the runtime's exec or attach address, until either side ends."""
    if not offers_subprotocol(request, V5):
        return await pass_through(request, url)
    socket = web.WebSocketResponse(protocols=(V5,), max_msg_size=0, heartbeat=None, compress=False)
    try:
        connection = await spdy.connect(url, _RUNTIME_EXEC)
    except spdy.SpdyError as error:
        return web.Response(status=500, text=f"{error}\n")
    try:
        errors = await connection.open_stream({"streamType": "error"})
        sources: dict[int, spdy.Stream] = {}
        sinks: dict[int, spdy.Stream] = {}
        if stdin:
            sinks[_STDIN] = await connection.open_stream({"streamType": "stdin"})
        if stdout:
            sources[_STDOUT] = await connection.open_stream({"streamType": "stdout"})
        if stderr and not tty:
            sources[_STDERR] = await connection.open_stream({"streamType": "stderr"})
        if tty:
            sinks[_RESIZE] = await connection.open_stream({"streamType": "resize"})
        await prepare_upgrade(request, socket)
        # Upstream sends this to show the client that the streams are open.
        await socket.send_bytes(bytes([min(sources, default=_ERROR)]))
        await _bridge_streams(socket, errors, sources, sinks)
    except (spdy.SpdyError, ConnectionError) as error:
        log.info("a stream to a container failed: %s", error)
    finally:
        await connection.close()
        await _close(socket)
    return get_response(socket)


async def _close(socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        await socket.close()


async def _bridge_streams(
    socket: web.WebSocketResponse,
    errors: spdy.Stream,
    sources: dict[int, spdy.Stream],
    sinks: dict[int, spdy.Stream],
) -> None:
    incoming = start_task(_copy_from_client(socket, sinks), "stream from client")
    outgoing = start_task(_copy_to_client(socket, errors, sources), "stream to client")
    try:
        await asyncio.wait({incoming, outgoing}, return_when=asyncio.FIRST_COMPLETED)
        if not outgoing.done() and incoming.exception() is None and not socket.closed:
            await outgoing
    finally:
        incoming.cancel()
        outgoing.cancel()
        await asyncio.gather(incoming, outgoing, return_exceptions=True)


async def _copy_to_client(
    socket: web.WebSocketResponse, errors: spdy.Stream, sources: dict[int, spdy.Stream]
) -> None:
    async def copy(channel: int, stream: spdy.Stream) -> None:
        prefix = bytes([channel])
        while data := await stream.read():
            await socket.send_bytes(prefix + data)

    status_task = start_task(errors.read_all(), "error stream")
    await asyncio.gather(*(copy(channel, stream) for channel, stream in sources.items()))
    status = await status_task
    await socket.send_bytes(bytes([_ERROR]) + (status or _make_success()))


def _make_success() -> bytes:
    return orjson.dumps({"metadata": {}, "status": "Success"})


async def _copy_from_client(socket: web.WebSocketResponse, sinks: dict[int, spdy.Stream]) -> None:
    """Copy until the client disconnects. In v5, channel 255 and a number closes that channel."""
    async for message in socket:
        data = message.data
        if message.type == WSMsgType.TEXT:
            data = data.encode()
        elif message.type != WSMsgType.BINARY:
            continue
        if not data:
            continue
        channel = data[0]
        if channel == _CLOSE and len(data) == 2:
            if (stream := sinks.get(data[1])) is not None:
                await stream.close()
        elif (stream := sinks.get(channel)) is not None and len(data) > 1:
            await stream.write(data[1:])


async def bridge_port_forward(request: web.BaseRequest, url: str) -> web.StreamResponse:
    """Bridge one client to the runtime's port forwarding address, until either side ends."""
    if not offers_subprotocol(request, TUNNEL):
        return await pass_through(request, url)
    socket = web.WebSocketResponse(protocols=(TUNNEL,), max_msg_size=0, compress=False)
    try:
        reader, writer, _ = await spdy.dial(url, _RUNTIME_FORWARD)
    except spdy.SpdyError as error:
        return web.Response(status=500, text=f"{error}\n")
    try:
        await prepare_upgrade(request, socket)
        await copy_both_ways(_read_messages(socket), socket.send_bytes, reader, writer)
    except ConnectionError as error:
        log.info("port forwarding failed: %s", error)
    finally:
        writer.close()
    await _close(socket)
    return get_response(socket)


async def _read_messages(socket: web.WebSocketResponse) -> AsyncIterator[bytes]:
    async for message in socket:
        if message.type == WSMsgType.BINARY:
            yield message.data
