"""SPDY/3.1 streams of the container runtime, for clients that do not speak SPDY themselves."""

import asyncio
from typing import Final

from kprov.kube.component_base.spdy import Connection, SpdyError, Stream
from kprov.kube.kubelet.server import runtime_upgrade

__all__ = ["Connection", "SpdyError", "Stream", "connect", "dial"]

_VERSION: Final = "X-Stream-Protocol-Version"


async def dial(url: str, protocol: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    """Upgrade a connection to SPDY/3.1: (reader, writer, chosen subprotocol). Raises SpdyError."""
    headers = [("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), (_VERSION, protocol)]
    try:
        answer = await runtime_upgrade.ask(url, "POST", headers)
    except OSError as error:
        raise SpdyError(str(error)) from error
    if answer.head.status != 101:
        body = (await answer.read_refusal()).decode(errors="replace")
        answer.writer.close()
        status = f"{answer.head.status} {answer.head.reason}"
        raise SpdyError(f"unable to upgrade connection: {status}: {body.strip()}")
    return answer.reader, answer.writer, answer.head.headers.get(_VERSION, "")


async def connect(url: str, protocol: str) -> Connection:
    """Streams at the runtime's URL. Raises SpdyError."""
    return Connection(*await dial(url, protocol))
