"""The way to a container runtime: exec, attach and port forwarding by SPDY/3.1."""

import asyncio
from urllib.parse import urlsplit

from kprov.kube.component_base.spdy import Connection, SpdyError, Stream

__all__ = ["Connection", "SpdyError", "Stream", "connect", "dial"]


async def dial(
    url: str, protocols: str, *, method: str = "POST"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    """Upgrade a connection to SPDY/3.1: (reader, writer, chosen subprotocol). Raises SpdyError."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        reader, writer = await asyncio.open_connection(
            parts.hostname, port, ssl=True if parts.scheme == "https" else None
        )
    except OSError as error:
        raise SpdyError(f"dial {parts.netloc}: {error}") from error
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    headers = [
        f"{method} {path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Connection: Upgrade",
        "Upgrade: SPDY/3.1",
    ]
    headers += [f"X-Stream-Protocol-Version: {item}" for item in protocols.split(",")]
    writer.write(("\r\n".join(headers) + "\r\nContent-Length: 0\r\n\r\n").encode())
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
    except (asyncio.IncompleteReadError, OSError) as error:
        raise SpdyError(f"no answer of {parts.netloc}: {error}") from error
    status, *lines = head.split("\r\n")
    if " 101 " not in f"{status} ":
        body = (await reader.read(1024)).decode(errors="replace")
        writer.close()
        raise SpdyError(f"unable to upgrade connection: {status}: {body.strip()}")
    chosen = ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.lower() == "x-stream-protocol-version":
            chosen = value.strip()
    return reader, writer, chosen


async def connect(url: str, protocols: str) -> Connection:
    return Connection(*await dial(url, protocols))
