"""exec and attach over WebSocket for a kubelet that only supports SPDY: each channel is a SPDY stream.

Source: upstream apiserver/pkg/util/proxy/{streamtranslator,websocket}.go, client-go/tools/remotecommand.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult

import orjson

from kprov.kube.apiserver.streaming import exit_status, headers, upgrade
from kprov.kube.component_base import spdy
from kprov.kube.component_base.http11 import dial_errors
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse
from kprov.kube.component_base.http11.websocket import HandshakeError, WebSocket
from kprov.kube.component_base.tasks import start_task
from kprov.kube.machinery import status
from kprov.kube.machinery.go_text import go_json

#: The only subprotocol that can close one direction of a channel.
V5: Final = "v5.channel.k8s.io"
#: The SPDY subprotocols, newest first.
_KUBELETS: Final = (*(f"v{number}.channel.k8s.io" for number in (5, 4, 3, 2)), "channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE = range(5)
_CLOSE: Final = 255
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: The maximum size of a terminal.
_LARGEST: Final = 65535


def is_requested(request: Request) -> bool:
    """Whether a client offers the subprotocol with closable channels."""
    return request.upgrade == "websocket" and V5 in list_protocols(request)


def list_protocols(request: Request) -> list[str]:
    """Return the subprotocols that a client offers."""
    header_lines = request.headers.getall("Sec-WebSocket-Protocol", [])
    return [protocol.strip() for line in header_lines for protocol in line.split(",")]


async def translate(
    request: Request, url: SplitResult, context: ssl.SSLContext, query: Mapping[str, bool]
) -> BaseResponse:
    """query: the requested streams (stdin, stdout, stderr, tty). Errors go to the error channel."""
    try:
        socket = WebSocket.accept(request, protocol=V5)
    except HandshakeError as error:
        request.keep_alive = False
        return error.answer
    session = _Session(socket, query)
    try:
        with contextlib.suppress(ConnectionError):
            await session.run(url, context)
    finally:
        with contextlib.suppress(ConnectionError):
            await socket.close()
    return socket.stream


class _Session:
    def __init__(self, socket: WebSocket, query: Mapping[str, bool]) -> None:
        self._socket = socket
        self._tty = query["tty"]
        self._stdin = query["stdin"]
        self._outputs = {
            number: name for number, name in ((_STDOUT, "stdout"), (_STDERR, "stderr")) if query[name]
        }

    async def run(self, url: SplitResult, context: ssl.SSLContext) -> None:
        # An empty message shows the client that the connection works.
        await self._send(min(self._outputs, default=_ERROR), b"")
        incoming: asyncio.Queue[bytes] = asyncio.Queue(1)
        work = start_task(self._run_command(url, context, incoming), "command")
        reading = start_task(self._read(incoming), "messages of the client")
        try:
            await asyncio.wait({work, reading}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await self._send(_ERROR, go_json.dumps(work.result()))
        finally:
            for task in (work, reading):
                task.cancel()
            await asyncio.gather(work, reading, return_exceptions=True)

    async def _send(self, channel: int, data: bytes) -> None:
        await self._socket.send_bytes(bytes([channel]) + data)

    async def _read(self, incoming: asyncio.Queue[bytes]) -> None:
        """Read until the client closes or violates the protocol."""
        async for message in self._socket.iter_messages():
            if not message:
                continue
            if message[0] == _CLOSE and (len(message) != 2 or message[1] > _RESIZE):
                return
            await incoming.put(message)

    async def _run_command(
        self, url: SplitResult, context: ssl.SSLContext, incoming: asyncio.Queue[bytes]
    ) -> dict[str, Any]:
        """Run the command; return the Status of its end."""
        try:
            connection = await _connect(url, context)
        except _RefusedError as error:
            return exit_status.build_error_status(status.internal_error(str(error)))
        try:
            return await self._run_streams(connection, incoming)
        except spdy.SpdyError as error:
            return exit_status.build_error_status(status.internal_error(str(error)))
        finally:
            await connection.close()

    async def _run_streams(
        self, connection: spdy.Connection, incoming: asyncio.Queue[bytes]
    ) -> dict[str, Any]:
        number = _parse_version(connection.protocol)
        errors = await connection.open_stream({"streamType": "error"})
        sinks: dict[int, spdy.Stream] = {}
        if self._stdin:
            sinks[_STDIN] = await connection.open_stream({"streamType": "stdin"})
        sources = {
            channel: await connection.open_stream({"streamType": name})
            for channel, name in self._outputs.items()
            if channel != _STDERR or not self._tty
        }
        if self._tty and number >= 3:
            sinks[_RESIZE] = await connection.open_stream({"streamType": "resize"})
        told = start_task(errors.read_all(), "error stream")
        writing = start_task(_write(incoming, sinks), "input of the command")
        ignored = [start_task(sink.read_all(), "ignored stream") for sink in sinks.values()]
        try:
            await asyncio.gather(*(self._copy(channel, stream) for channel, stream in sources.items()))
            return exit_status.parse_status(await told, number)
        finally:
            for task in (told, writing, *ignored):
                task.cancel()
            await asyncio.gather(told, writing, *ignored, return_exceptions=True)

    async def _copy(self, channel: int, stream: spdy.Stream) -> None:
        while data := await stream.read():
            await self._send(channel, data)


async def _write(incoming: asyncio.Queue[bytes], sinks: Mapping[int, spdy.Stream]) -> None:
    sizes = _TerminalSizes()
    closed = set()
    while True:
        message = await incoming.get()
        is_close = message[0] == _CLOSE
        channel = message[1] if is_close else message[0]
        stream = sinks.get(channel)
        if stream is None or channel in closed:
            continue
        if is_close:
            closed.add(channel)
            await stream.close()
        elif channel == _RESIZE:
            await stream.write(sizes.encode(message[1:]))
        else:
            await stream.write(message[1:])


class _TerminalSizes:
    """Parses a stream of JSON terminal sizes, until an invalid one."""

    def __init__(self) -> None:
        self._rest = b""
        self._broken = False

    def encode(self, data: bytes) -> bytes:
        """Encode the complete sizes for the kubelet."""
        sizes = b""
        self._rest += data if not self._broken else b""
        while not self._broken and (end := self._rest.find(b"}")) >= 0:
            size_text, self._rest = self._rest[: end + 1], self._rest[end + 1 :]
            size = _parse_size(size_text)
            self._broken = not size
            sizes += size
        if self._broken or len(self._rest) > _LARGEST:
            self._broken, self._rest = True, b""
        return sizes


def _parse_size(text: bytes) -> bytes:
    """Encode one size; b"" if it is invalid."""
    try:
        members = {name.lower(): value for name, value in orjson.loads(text).items()}
    except (ValueError, AttributeError):
        return b""
    size = {"Width": members.get("width", 0), "Height": members.get("height", 0)}
    if any(type(number) is not int or not 0 <= number <= _LARGEST for number in size.values()):
        return b""
    return orjson.dumps(size) + b"\n"


class _RefusedError(OSError):
    """The kubelet does not answer or does not switch to SPDY."""


async def _connect(url: SplitResult, context: ssl.SSLContext) -> spdy.Connection:
    sent = {
        "User-Agent": headers.GO_CLIENT,
        "Content-Length": "0",
        "Connection": "Upgrade",
        "Upgrade": "SPDY/3.1",
    }
    lines = [*sent.items(), *(("X-Stream-Protocol-Version", protocol) for protocol in _KUBELETS)]
    try:
        head, opened = await upgrade.send_upgrade("POST", url, url.netloc, lines, context)
    except EOFError as error:
        raise _RefusedError(f'error sending request: Post "{url.geturl()}": unexpected EOF') from error
    except (OSError, TimeoutError, ValueError) as error:
        text = f'error sending request: Post "{url.geturl()}": {dial_errors.describe_error(error, url)}'
        raise _RefusedError(text) from error
    if head.status in _REDIRECTS and "Location" in head.headers:
        opened.close()
        place = head.headers["Location"]
        raise _RefusedError(f'error sending request: Post "{place}": redirect not allowed')
    if head.status != 101 or not upgrade.is_spdy(head):
        try:
            text = _parse_message(await opened.read_error_body(head))
            raise _RefusedError(f"unable to upgrade connection: {text}")
        finally:
            opened.close()
    return spdy.Connection(opened.reader, opened.writer, head.headers.get("X-Stream-Protocol-Version", ""))


def _parse_message(body: bytes) -> str:
    """Return the message of a kubelet's error, which is a Status or text."""
    with contextlib.suppress(ValueError):
        document = orjson.loads(body)
        if isinstance(document, dict):
            for name in ("message", "error"):
                if isinstance(document.get(name), str) and document[name].strip():
                    return str(document[name].strip())
    return body.decode(errors="replace").strip() or "empty server response"


def _parse_version(protocol: str) -> int:
    """Return the version of a SPDY subprotocol; 1 without a number."""
    return int(protocol[1]) if protocol in _KUBELETS[:-1] else 1
