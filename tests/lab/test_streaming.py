"""Logs, exec, attach and port forwarding in all the protocols that clients offer, on a whole cluster."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
import websocket

from kprov.kube.component_base import spdy
from tests.lab import api_connection
from tests.lab.conftest import Cluster
from tests.lab.workload import SERVE, pod

_WORDS = "remote execution test"
_POD = "streams"
#: WebSocket subprotocols of exec and attach; None: the client offers none.
_SUBPROTOCOLS = (
    None,
    "channel.k8s.io",
    "base64.channel.k8s.io",
    "v4.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "v5.channel.k8s.io",
)
_SPDY_VERSIONS = ("channel.k8s.io", "v2.channel.k8s.io", "v3.channel.k8s.io", "v4.channel.k8s.io")
_SPDY = (("Upgrade", "SPDY/3.1"), ("Content-Length", "0"))
_WEBSOCKET = (
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)
_STDOUT, _ERROR = 1, 3


@dataclass(frozen=True)
class Api:
    """Streams of one pod."""

    cluster: Cluster
    namespace: str

    def path(self, subresource: str, *query: tuple[str, str]) -> str:
        """A path of the pod, with its query."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{_POD}/{subresource}?{urlencode(query)}"

    def open_websocket(self, path: str, subprotocol: str | None) -> Any:
        """A WebSocket whose handshake has succeeded."""
        host, port = api_connection.address(self.cluster.kubeconfig)
        context = api_connection.tls_context(self.cluster.kubeconfig)
        socket = websocket.create_connection(
            f"wss://{host}:{port}{path}", subprotocols=[subprotocol] if subprotocol else None,
            sslopt={"context": context}, timeout=30,
        )  # fmt: skip
        assert socket.getsubprotocol() == subprotocol
        return socket

    def read_websocket(self, path: str, subprotocol: str | None) -> list[bytes]:
        """The content of each message until the server closes, base64 decoded where it is."""
        socket = self.open_websocket(path, subprotocol)
        found: list[bytes] = []
        try:
            while True:
                kind, data = socket.recv_data()
                if kind == websocket.ABNF.OPCODE_CLOSE:
                    return found
                if data and "base64.channel" in (subprotocol or ""):
                    data = data[:1].translate(_DIGITS) + base64.b64decode(data[1:], validate=True)
                found.append(data)
        finally:
            socket.shutdown()

    @asynccontextmanager
    async def upgrade(
        self, method: str, path: str, *headers: tuple[str, str]
    ) -> AsyncIterator[tuple[str, asyncio.StreamReader, asyncio.StreamWriter]]:
        """The head of the answer, and the connection behind it. headers: all but Connection."""
        host, port = api_connection.address(self.cluster.kubeconfig)
        context = api_connection.tls_context(self.cluster.kubeconfig)
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: Upgrade"]
        lines += [f"{name}: {value}" for name, value in headers]
        try:
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            async with asyncio.timeout(30):
                yield (await reader.readuntil(b"\r\n\r\n")).decode(), reader, writer
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


#: Channels are digits where the rest of a message is base64.
_DIGITS = bytes.maketrans(b"01234", bytes(range(5)))


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    """A running pod that has said one line and serves HTTP."""
    namespace = "t-streaming"
    cluster.kubectl("create", "namespace", namespace)
    try:
        account = ("wait", "-n", namespace, "--for=create", "serviceaccount/default", "--timeout=60s")
        cluster.kubectl(*account)
        cluster.apply(pod(_POD, f"echo container is alive; {SERVE}"), namespace=namespace)
        cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", f"pod/{_POD}", "--timeout=60s")
        yield Api(cluster, namespace)
    finally:
        cluster.kubectl("delete", "namespace", namespace, "--timeout=90s", timeout=120)


@pytest.mark.entry("Pods should support retrieving logs from the container over websockets")
def test_should_support_retrieving_logs_from_the_container_over_websockets(api: Api) -> None:
    messages = api.read_websocket(api.path("log", ("container", "main")), "binary.k8s.io")
    assert b"".join(messages) == b"container is alive\n"


@pytest.mark.entry("Pods should support remote command execution over websockets")
def test_should_support_remote_command_execution_over_websockets(api: Api) -> None:
    messages = api.read_websocket(_echo(api), "channel.k8s.io")
    assert {message[0] for message in messages if len(message) > 1} == {_STDOUT}
    assert _said(messages, _STDOUT) == f"{_WORDS}\n"


def _echo(api: Api) -> str:
    return api.path(
        "exec",
        ("stdout", "1"),
        ("stderr", "1"),
        ("container", "main"),
        ("command", "echo"),
        ("command", _WORDS),
    )


def _said(messages: Sequence[bytes], channel: int) -> str:
    return b"".join(message[1:] for message in messages if message[:1] == bytes([channel])).decode()


@pytest.mark.parametrize("subprotocol", _SUBPROTOCOLS)
def test_exec_over_each_websocket_subprotocol(api: Api, subprotocol: str | None) -> None:
    messages = api.read_websocket(_echo(api), subprotocol)
    assert _said(messages, _STDOUT) == f"{_WORDS}\n"
    if subprotocol and subprotocol.startswith("v"):
        assert '"status":"Success"' in _said(messages, _ERROR)


async def test_a_websocket_subprotocol_that_nobody_speaks_is_refused(api: Api) -> None:
    offered = ("Sec-WebSocket-Protocol", "v9.channel.k8s.io")
    async with api.upgrade("GET", _echo(api), *_WEBSOCKET, offered) as (head, _, _):
        assert head.startswith("HTTP/1.1 403 ")


async def test_spdy_without_a_version_is_refused(api: Api) -> None:
    async with api.upgrade("POST", _echo(api), *_SPDY) as (head, reader, _):
        assert head.startswith("HTTP/1.1 400 ")
        assert await reader.read() == b"unable to upgrade: X-Stream-Protocol-Version is required\n"


@pytest.mark.parametrize("subprotocol", ["channel.k8s.io", "v4.channel.k8s.io"])
def test_attach_over_a_websocket(api: Api, subprotocol: str) -> None:
    socket = api.open_websocket(api.path("attach", ("stdout", "1"), ("container", "main")), subprotocol)
    try:
        assert socket.recv()[:1] == bytes([_STDOUT])
    finally:
        socket.shutdown()


@pytest.mark.parametrize("subprotocol", [None, "v4.channel.k8s.io"])
def test_port_forwarding_over_channels_of_a_websocket(api: Api, subprotocol: str | None) -> None:
    socket = api.open_websocket(api.path("portforward", ("ports", "8080")), subprotocol)
    try:
        begins = sorted(socket.recv() for _ in range(2))
        assert begins == [bytes([channel]) + struct.pack("<H", 8080) for channel in (0, 1)]
        socket.send_binary(b"\0GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while _POD.encode() not in answer:
            message = socket.recv()
            assert message[:1] == b"\0"
            answer += message[1:]
        assert answer.startswith((b"HTTP/1.0 200 OK", b"HTTP/1.1 200 OK"))
    finally:
        socket.shutdown()


@pytest.mark.parametrize("version", _SPDY_VERSIONS)
async def test_exec_over_each_version_of_spdy(api: Api, version: str) -> None:
    offered = ("X-Stream-Protocol-Version", version)
    async with api.upgrade("POST", _echo(api), *_SPDY, offered) as (head, reader, writer):
        assert head.startswith("HTTP/1.1 101 ")
        assert f"\r\nX-Stream-Protocol-Version: {version}\r\n" in head
        connection = spdy.Connection(reader, writer, version)
        streams = {
            name: await connection.open_stream({"streamType": name}) for name in ("error", "stdout", "stderr")
        }
        assert (await streams["stdout"].read_all()).decode() == f"{_WORDS}\n"
        await connection.close()


@pytest.mark.parametrize("subprotocol", ["channel.k8s.io", "v4.channel.k8s.io", "v5.channel.k8s.io"])
async def test_a_switch_to_websocket_has_one_date_and_no_server(api: Api, subprotocol: str) -> None:
    offered = ("Sec-WebSocket-Protocol", subprotocol)
    async with api.upgrade("GET", _echo(api), *_WEBSOCKET, offered) as (head, _, _):
        assert head.startswith("HTTP/1.1 101 ")
        assert _names(head).count("date") == 1
        assert "server" not in _names(head)


async def test_a_switch_to_spdy_has_one_date_and_no_server(api: Api) -> None:
    version = ("X-Stream-Protocol-Version", "v4.channel.k8s.io")
    async with api.upgrade("POST", _echo(api), *_SPDY, version) as (head, _, _):
        assert head.startswith("HTTP/1.1 101 ")
        assert _names(head).count("date") == 1
        assert "server" not in _names(head)


def _names(head: str) -> list[str]:
    return [line.partition(":")[0].lower() for line in head.split("\r\n")]
