"""Lists of many objects, which are sent piece by piece.

50,000 pods are 190 MB of JSON. In one piece they would need a multiple of that in memory, and no other
request would be answered while they are joined and encrypted.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from kprov.kube.apiserver.handlers import responses
from kprov.kube.apiserver.handlers.listing import ListResult
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.request.http_request import Request
from kprov.kube.apiserver.request.negotiation import JSON
from kprov.kube.component_base.http11.response import StreamResponse

#: Lists from this size on are sent in pieces of about the second size.
LARGE_BYTES: Final = 8 * 1024 * 1024
PIECE_BYTES: Final = 256 * 1024
#: A client that takes longer to read a piece is disconnected.
_PIECE_SECONDS: Final = 60.0
_GZIP_WINDOW: Final = 31


def is_large(request: Request, listed: ListResult) -> bool:
    """Whether to send a list piece by piece.

    An audit event with the response needs the whole body, and a request with a timeout of its own may get an
    error in place of the list.
    """
    if (request.audit is not None and request.audit.records_response) or "timeout" in request.query:
        return False
    return sum(len(entry.tail) for entry in listed.entries) > LARGE_BYTES


async def send(request: Request, context: RequestContext, parts: Iterable[bytes]) -> StreamResponse:
    """Send the parts of a list. ConnectionResetError: the client has disconnected."""
    response = StreamResponse(headers=responses.build_headers(JSON, context.warnings))
    compressor = None
    if responses.accepts_gzip(request):
        compressor = zlib.compressobj(1, wbits=_GZIP_WINDOW)
        responses.set_gzip_headers(response)
    response.start(request)
    for piece in _join_pieces(parts):
        if compressor is not None:
            await _write(request, response, await asyncio.to_thread(compressor.compress, piece))
        else:
            await _write(request, response, piece)
            # Let other requests run. The write waits only if the client is slow.
            await asyncio.sleep(0)
    if compressor is not None:
        await _write(request, response, compressor.flush())
    return response


async def _write(request: Request, response: StreamResponse, piece: bytes) -> None:
    try:
        async with asyncio.timeout(_PIECE_SECONDS):
            await response.write(piece)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the client does not read") from None


def _join_pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    piece_parts: list[bytes] = []
    size = 0
    for part in parts:
        piece_parts.append(part)
        size += len(part)
        if size >= PIECE_BYTES:
            yield b"".join(piece_parts)
            piece_parts.clear()
            size = 0
    yield b"".join(piece_parts)
