"""SPDY/3.1 streams of the container runtime, for clients that do not speak SPDY themselves."""

import asyncio
from typing import Final

from kprov.kube.component_base.spdy import Connection, SpdyError, Stream
from kprov.kube.kubelet.server.runtime_upgrade import request_upgrade

__all__ = ["Connection", "SpdyError", "Stream", "connect", "dial"]

_VERSION: Final = "X-Stream-Protocol-Version"


async def dial(url: str, protocol: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    """Upgrade a connection to SPDY/3.1: (reader, writer, subprotocol of the runtime's choice). SpdyError."""
    headers = [("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), (_VERSION, protocol)]
    try:
        head, connection = await request_upgrade(url, "POST", headers)
    except OSError as error:
        raise SpdyError(str(error)) from error
    if head.status != 101:
        body = (await connection.read_error_body(head)).decode(errors="replace")
        connection.close()
        raise SpdyError(f"unable to upgrade connection: {head.status} {head.reason}: {body.strip()}")
    return connection.reader, connection.writer, head.headers.get(_VERSION, "")


async def connect(url: str, protocol: str) -> Connection:
    """Open a connection for streams at the runtime's URL. SpdyError."""
    return Connection(*await dial(url, protocol))
