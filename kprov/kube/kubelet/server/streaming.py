"""exec, attach and port forwarding for clients whose protocol the container runtime does not speak.

Those are v5.channel.k8s.io and SPDY within a WebSocket. They are converted to SPDY here. All
other requests are passed through to the runtime.
Source: upstream pkg/kubelet/server/server.go (getExec, getAttach, getPortForward).
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from kprov.kube.component_base.bidirectional_copy import copy_both_ways
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, Response
from kprov.kube.component_base.tasks import start_task
from kprov.kube.kubelet.server import spdy
from kprov.kube.kubelet.server.pass_through import pass_through

if TYPE_CHECKING:
    from kprov.kube.component_base.http11.websocket import WebSocket

log = logging.getLogger(__name__)

V5: Final = "v5.channel.k8s.io"
TUNNEL: Final = "SPDY/3.1+portforward.k8s.io"
_RUNTIME_EXEC: Final = "v4.channel.k8s.io"
_RUNTIME_FORWARD: Final = "portforward.k8s.io"
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE = 0, 1, 2, 3, 4
_CLOSE: Final = 255


def offers_subprotocol(request: Request, subprotocol: str) -> bool:
    """Whether the client offers that WebSocket subprotocol."""
    offered = ",".join(request.headers.getall("Sec-WebSocket-Protocol", []))
    return request.upgrade == "websocket" and subprotocol in [
        protocol.strip() for protocol in offered.split(",")
    ]


async def bridge_remote_command(
    request: Request, url: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool
) -> BaseResponse:
    """Bridge one client to the runtime's exec or attach address, until either side ends."""
    if not offers_subprotocol(request, V5):
        return await pass_through(request, url)
    # Imported for such requests only.
    from kprov.kube.component_base.http11.websocket import HandshakeError, WebSocket

    try:
        connection = await spdy.connect(url, _RUNTIME_EXEC)
    except spdy.SpdyError as error:
        return Response(status=500, text=f"{error}\n")
    try:
        streams = await _open_streams(
            connection, stdin=stdin, stdout=stdout, stderr=stderr and not tty, tty=tty
        )
        socket = WebSocket.accept(request, protocol=V5)
        # Upstream sends this to show the client that the streams are open.
        await socket.send_bytes(bytes([min(streams.sources, default=_ERROR)]))
        await _bridge_streams(socket, streams)
        await socket.close()
        return socket.stream
    except HandshakeError as error:
        return error.answer
    except spdy.SpdyError as error:
        return Response(status=500, text=f"{error}\n")
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class _Streams:
    """The runtime's streams, by the channels of the client."""

    errors: spdy.Stream
    sources: Mapping[int, spdy.Stream]
    sinks: Mapping[int, spdy.Stream]


async def _open_streams(
    connection: spdy.Connection, *, stdin: bool, stdout: bool, stderr: bool, tty: bool
) -> _Streams:
    """SpdyError: the runtime has closed the connection."""
    errors = await connection.open_stream({"streamType": "error"})
    sources: dict[int, spdy.Stream] = {}
    sinks: dict[int, spdy.Stream] = {}
    if stdin:
        sinks[_STDIN] = await connection.open_stream({"streamType": "stdin"})
    if stdout:
        sources[_STDOUT] = await connection.open_stream({"streamType": "stdout"})
    if stderr:
        sources[_STDERR] = await connection.open_stream({"streamType": "stderr"})
    if tty:
        sinks[_RESIZE] = await connection.open_stream({"streamType": "resize"})
    return _Streams(errors, sources, sinks)


async def _bridge_streams(socket: "WebSocket", streams: _Streams) -> None:
    """Copy until the runtime has sent all, or the client closes, or one of them breaks."""
    tasks = {
        start_task(_copy_from_client(socket, streams.sinks), "stream from client"),
        start_task(_copy_to_client(socket, streams.errors, streams.sources), "stream to client"),
    }
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                log.info("a stream to a container failed: %s", result)


async def _copy_to_client(
    socket: "WebSocket", errors: spdy.Stream, sources: Mapping[int, spdy.Stream]
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


async def _copy_from_client(socket: "WebSocket", sinks: Mapping[int, spdy.Stream]) -> None:
    """Copy until the client closes. In v5, channel 255 and a number closes that channel."""
    async for data in socket.iter_messages():
        if not data:
            continue
        channel = data[0]
        if channel == _CLOSE and len(data) == 2:
            if (stream := sinks.get(data[1])) is not None:
                await stream.close()
        elif (stream := sinks.get(channel)) is not None and len(data) > 1:
            await stream.write(data[1:])


async def bridge_port_forward(request: Request, url: str) -> BaseResponse:
    """Bridge one client to the runtime's port forwarding address, until either side ends."""
    if not offers_subprotocol(request, TUNNEL):
        return await pass_through(request, url)
    # Imported for such requests only.
    from kprov.kube.component_base.http11.websocket import HandshakeError, WebSocket

    try:
        reader, writer, _ = await spdy.dial(url, _RUNTIME_FORWARD)
    except spdy.SpdyError as error:
        return Response(status=500, text=f"{error}\n")
    try:
        socket = WebSocket.accept(request, protocol=TUNNEL)
        await copy_both_ways(socket.iter_messages(text=False), socket.send_bytes, reader, writer)
        await socket.close()
        return socket.stream
    except HandshakeError as error:
        return error.answer
    finally:
        writer.close()
