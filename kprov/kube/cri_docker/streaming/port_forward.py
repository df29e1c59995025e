"""Port forwarding: pairs of streams, each to a connection in the network namespace of a sandbox.

Source: k8s.io/kubelet pkg/cri/streaming/portforward (portforward.k8s.io).
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import socket
from typing import Final

from kprov.kube.component_base.spdy import SpdyError
from kprov.kube.component_base.spdy_server import AcceptedStream, ServerConnection
from kprov.kube.component_base.tasks import start_task
from kprov.kube.cri_docker.streaming.tokens import ForwardTarget

log = logging.getLogger(__name__)

_CLONE_NEWNET: Final = 0x40000000
_CONNECT_SECONDS: Final = 30.0
_libc: Final = ctypes.CDLL(None, use_errno=True)


async def forward_ports(connection: ServerConnection, target: ForwardTarget) -> None:
    """Connect for each pair of streams until the client disconnects."""
    waiting: dict[str, dict[str, AcceptedStream]] = {}
    async with asyncio.TaskGroup() as group:
        while (stream := await connection.accept()) is not None:
            request = stream.headers.get("requestid", "")
            pair = waiting.setdefault(request, {})
            pair[stream.headers.get("streamtype", "")] = stream
            if {"data", "error"} <= set(pair):
                del waiting[request]
                group.create_task(_forward(connection, target, pair["data"], pair["error"]))


async def _forward(
    connection: ServerConnection, target: ForwardTarget, data: AcceptedStream, errors: AcceptedStream
) -> None:
    port = data.headers.get("port", "")
    try:
        try:
            peer = await asyncio.to_thread(connect_inside, target.namespace, int(port))
            reader, writer = await asyncio.open_connection(sock=peer)
        except (OSError, ValueError) as error:
            await errors.write(f"failed to connect to port {port} in the pod: {error}".encode())
        else:
            await _copy(data, reader, writer)
        await errors.close()
        await data.close()
    except SpdyError as error:
        log.debug("port forwarding ended: %s", error)
    finally:
        connection.forget(data)
        connection.forget(errors)


async def _copy(data: AcceptedStream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until both sides have sent all, or one fails."""

    async def send() -> None:
        while piece := await data.read():
            writer.write(piece)
            await writer.drain()
        writer.write_eof()

    async def receive() -> None:
        while piece := await reader.read(32 * 1024):
            await data.write(piece)

    sending = start_task(send(), "to a forwarded port")
    try:
        await receive()
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()


def connect_inside(namespace: str, port: int) -> socket.socket:
    """Return a connection to 127.0.0.1 or ::1 in a network namespace. OSError.

    Only this thread changes its namespace, and only until it is connected.
    """
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        other = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _set_namespace(other)
            try:
                return _connect(port)
            finally:
                _set_namespace(own)
        finally:
            os.close(other)
    finally:
        os.close(own)


def _connect(port: int) -> socket.socket:
    try:
        peer = socket.create_connection(("127.0.0.1", port), _CONNECT_SECONDS)
    except ConnectionRefusedError:
        peer = socket.create_connection(("::1", port), _CONNECT_SECONDS)
    peer.setblocking(False)
    return peer


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
