"""An HTTP connection to the container runtime's streaming server that asks to switch protocols."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from multidict import CIMultiDict

_DIAL_SECONDS: Final = 30.0
_REFUSAL_SECONDS: Final = 10.0
_REFUSAL_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers of the runtime's answer."""

    status: int
    reason: str
    headers: CIMultiDict[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """The head, and the connection behind it: of the new protocol after 101, else of the refusal's body."""

    head: Head
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read_refusal(self) -> bytes:
        """The body of an answer that is not 101, at most 64 KiB and 10 s of it."""
        length = self.head.headers.get("Content-Length", "")
        left = min(int(length), _REFUSAL_BYTES) if length.isdecimal() else _REFUSAL_BYTES
        found = b""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_REFUSAL_SECONDS):
                while left and (piece := await self.reader.read(left)):
                    found += piece
                    left -= len(piece)
        return found


async def ask(url: str, method: str, headers: Iterable[tuple[str, str]]) -> Answer:
    """Send a request without a body. OSError: the runtime cannot be reached or does not speak HTTP."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_DIAL_SECONDS):
            reader, writer = await asyncio.open_connection(
                parts.hostname, port, ssl=True if parts.scheme == "https" else None
            )
    except OSError as error:
        raise OSError(f"dial {parts.netloc}: {error or 'timeout'}") from error
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines.append("Content-Length: 0")
    try:
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        return Answer(_parse_head(await reader.readuntil(b"\r\n\r\n")), reader, writer)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError) as error:
        writer.close()
        raise OSError(f"no answer of {parts.netloc}: {error}") from error
    except BaseException:
        writer.close()
        raise


def _parse_head(data: bytes) -> Head:
    """ValueError: it is no HTTP."""
    first, *lines = data.decode("utf-8", "replace").rstrip("\r\n").split("\r\n")
    version, status, *reason = first.split(" ", 2)
    if not version.startswith("HTTP/1."):
        raise ValueError(f"malformed HTTP version {version}")
    headers: CIMultiDict[str] = CIMultiDict()
    for line in lines:
        name, _, value = line.partition(":")
        headers.add(name.strip(), value.strip())
    return Head(int(status), "".join(reason), headers)
