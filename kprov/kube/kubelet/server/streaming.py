"""exec, attach and port forwarding: client WebSockets on one side, the runtime's SPDY on the other."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
from aiohttp import WSMsgType, web

from kprov.kube.component_base.both_ways import until_one_ends
from kprov.kube.component_base.http11.body import Body
from kprov.kube.kubelet.server import spdy

log = logging.getLogger(__name__)

V5: Final = "v5.channel.k8s.io"
V4: Final = "v4.channel.k8s.io"
TUNNEL: Final = "SPDY/3.1+portforward.k8s.io"
_RUNTIME_EXEC: Final = "v4.channel.k8s.io"
_RUNTIME_FORWARD: Final = "portforward.k8s.io"
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE = 0, 1, 2, 3, 4
_CLOSE: Final = 255


def is_websocket(request: web.BaseRequest) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def is_spdy(request: web.BaseRequest) -> bool:
    return request.headers.get("Upgrade", "").lower() == "spdy/3.1"


async def remote_command(
    request: web.BaseRequest, url: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool
) -> web.StreamResponse:
    """Bridge one client to the runtime's exec or attach address, until either side ends."""
    if is_spdy(request):
        return await tunnel_spdy(request, url)
    socket = web.WebSocketResponse(protocols=(V5, V4), max_msg_size=0, heartbeat=None, compress=False)
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
        await _accept(request, socket)
        # Tells the client that the streams are open, as upstream.
        await socket.send_bytes(bytes([min(sources, default=_ERROR)]))
        await _bridge(socket, errors, sources, sinks)
    except (spdy.SpdyError, ConnectionError) as error:
        log.info("stream to a container broke: %s", error)
    finally:
        await connection.close()
        await _close(socket)
    return _answer(socket)


async def _accept(request: web.BaseRequest, answer: web.StreamResponse) -> None:
    """Switch protocols. ConnectionResetError: the client left while the runtime was asked."""
    if request.transport is None:
        raise ConnectionResetError("the client left before its stream was open")
    await answer.prepare(request)


async def _close(socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        await socket.close()


def _answer(begun: web.StreamResponse) -> web.StreamResponse:
    """What a handler gives back: who left before it was begun is told nothing, and aiohttp notices that."""
    return begun if begun.prepared else web.Response()


async def _bridge(
    socket: web.WebSocketResponse,
    errors: spdy.Stream,
    sources: dict[int, spdy.Stream],
    sinks: dict[int, spdy.Stream],
) -> None:
    incoming = asyncio.create_task(_from_client(socket, sinks))
    outgoing = asyncio.create_task(_to_client(socket, errors, sources))
    try:
        await asyncio.wait({incoming, outgoing}, return_when=asyncio.FIRST_COMPLETED)
        if not outgoing.done() and incoming.exception() is None and not socket.closed:
            await outgoing
    finally:
        incoming.cancel()
        outgoing.cancel()
        await asyncio.gather(incoming, outgoing, return_exceptions=True)


async def _to_client(
    socket: web.WebSocketResponse, errors: spdy.Stream, sources: dict[int, spdy.Stream]
) -> None:
    async def copy(channel: int, stream: spdy.Stream) -> None:
        prefix = bytes([channel])
        while data := await stream.read():
            await socket.send_bytes(prefix + data)

    status_task = asyncio.create_task(errors.read_all())
    await asyncio.gather(*(copy(channel, stream) for channel, stream in sources.items()))
    status = await status_task
    await socket.send_bytes(bytes([_ERROR]) + (status or _success()))


def _success() -> bytes:
    return orjson.dumps({"metadata": {}, "status": "Success"})


async def _from_client(socket: web.WebSocketResponse, sinks: dict[int, spdy.Stream]) -> None:
    """Until the client goes away. v5 can close stdin alone: channel 255 and the closed one's number."""
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


async def port_forward(request: web.BaseRequest, url: str, ports: list[int]) -> web.StreamResponse:
    """Bridge to the runtime's port forwarding: SPDY as it is, SPDY within WebSocket, or v4 channels."""
    if is_spdy(request):
        return await tunnel_spdy(request, url)
    socket = web.WebSocketResponse(protocols=(TUNNEL, V4), max_msg_size=0, compress=False)
    if not socket.can_prepare(request).ok:
        return web.Response(status=400, text="unable to upgrade: a WebSocket or SPDY/3.1 is needed\n")
    wanted = [item.strip() for item in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    try:
        if TUNNEL in wanted:
            reader, writer, _ = await spdy.dial(url, _RUNTIME_FORWARD)
            try:
                await _accept(request, socket)
                await _tunnel(_messages(socket), socket.send_bytes, reader, writer)
            finally:
                writer.close()
        else:
            connection = await spdy.connect(url, _RUNTIME_FORWARD)
            try:
                await _accept(request, socket)
                await _forward_channels(socket, connection, ports)
            finally:
                await connection.close()
    except (spdy.SpdyError, ConnectionError) as error:
        if isinstance(error, spdy.SpdyError) and not socket.prepared:
            return web.Response(status=500, text=f"{error}\n")
        log.info("port forwarding broke: %s", error)
    await _close(socket)
    return _answer(socket)


async def _messages(socket: web.WebSocketResponse) -> AsyncIterator[bytes]:
    async for message in socket:
        if message.type == WSMsgType.BINARY:
            yield message.data


async def _tunnel(
    incoming: AsyncIterator[bytes], send: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    async def up() -> None:
        async for data in incoming:
            writer.write(data)
            await writer.drain()

    async def down() -> None:
        while data := await reader.read(64 * 1024):
            await send(data)

    await until_one_ends(up(), down())


async def _forward_channels(
    socket: web.WebSocketResponse, connection: spdy.Connection, ports: list[int]
) -> None:
    """Channels 2n and 2n+1 are data and error of the n-th port; both begin with the port, little endian."""
    streams: list[spdy.Stream] = []
    copies = []

    async def copy(channel: int, stream: spdy.Stream) -> None:
        while data := await stream.read():
            await socket.send_bytes(bytes([channel]) + data)

    try:
        for index, port in enumerate(ports):
            headers = {"port": str(port), "requestID": str(index)}
            error = await connection.open_stream({"streamType": "error", **headers})
            data = await connection.open_stream({"streamType": "data", **headers})
            await error.close()
            streams.append(data)
            for channel, stream in ((2 * index, data), (2 * index + 1, error)):
                await socket.send_bytes(bytes([channel]) + port.to_bytes(2, "little"))
                copies.append(asyncio.create_task(copy(channel, stream)))
        async for message in _messages(socket):
            if message and message[0] % 2 == 0 and message[0] // 2 < len(streams):
                await streams[message[0] // 2].write(message[1:])
    finally:
        for task in copies:
            task.cancel()
        await asyncio.gather(*copies, return_exceptions=True)


class _Raw:
    """Takes the place of aiohttp's parser once a connection is no longer HTTP.

    Who sends more than is read is slowed.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._incoming = Body(self._pause)
        #: All that comes, until the client ends.
        self.pieces = self._incoming.iter_any

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._incoming.feed(data)
        return False, b""

    def feed_eof(self) -> None:
        self._incoming.end()

    def set_exception(self, *_: Any) -> None:
        self._incoming.end()

    def _pause(self, on: bool) -> None:
        if self._transport.is_closing():
            return
        if on:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


async def tunnel_spdy(request: web.BaseRequest, url: str) -> web.StreamResponse:
    """A client that speaks SPDY itself: its bytes go to the runtime as they are."""
    offered = ",".join(request.headers.getall("X-Stream-Protocol-Version", []))
    try:
        reader, writer, chosen = await spdy.dial(url, offered)
    except spdy.SpdyError as error:
        return web.Response(status=500, text=f"{error}\n")
    headers = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
    if chosen:
        headers["X-Stream-Protocol-Version"] = chosen
    response = web.StreamResponse(status=101, headers=headers)
    response.force_close()
    try:
        await _accept(request, response)
        transport = request.transport
        # Where the client left in between, there is none.
        if transport is not None:
            await _splice(request, transport, reader, writer)
    except ConnectionError as error:
        log.info("a stream was not opened: %s", error)
    finally:
        writer.close()
    return _answer(response)


async def _splice(
    request: web.BaseRequest,
    transport: asyncio.Transport,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    raw = _Raw(transport)
    request.protocol.set_parser(raw)  # type: ignore[arg-type]

    async def send(data: bytes) -> None:
        transport.write(data)
        await request.protocol._drain_helper()

    await _tunnel(raw.pieces(), send, reader, writer)
    transport.close()
