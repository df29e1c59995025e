"""Requests to the container runtime's streaming server that ask to switch protocols."""

import asyncio
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from kprov.kube.component_base.http11.client import ClientConnection, target_of
from kprov.kube.component_base.http11.response_head import ResponseHead

_DIAL_SECONDS: Final = 30.0


async def request_upgrade(
    url: str, method: str, headers: Iterable[tuple[str, str]]
) -> tuple[ResponseHead, ClientConnection]:
    """Send a request without a body. OSError: the runtime cannot be reached or does not respond in HTTP."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(_DIAL_SECONDS):
            connection = await ClientConnection.open(parts)
    except OSError as error:
        raise OSError(f"dial {parts.netloc}: {error or 'timeout'}") from error
    try:
        head = await connection.request(
            method, target_of(parts), parts.netloc, [*headers, ("Content-Length", "0")]
        )
    except (EOFError, OSError, ValueError) as error:
        raise OSError(f"no response from {parts.netloc}: {error}") from error
    return head, connection
