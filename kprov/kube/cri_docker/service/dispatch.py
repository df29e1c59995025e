"""The table of methods: from the names of CRI's services to functions of messages."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from google.protobuf.message import DecodeError

from kprov.kube.component_base.rpc.methods import StreamingMethod, UnaryMethod
from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri_docker.engine.errors import EngineError, EngineUnavailableError

log = logging.getLogger(__name__)

#: Other statuses of the engine are UNKNOWN, as cri-dockerd's are.
_CODES: Final = {400: Code.INVALID_ARGUMENT, 404: Code.NOT_FOUND, 503: Code.UNAVAILABLE}

#: A function of a request's message.
Unary = Callable[[Any], Awaitable[Any]]
Streaming = Callable[[Any], AsyncIterator[Any]]


def bind_unary(request_class: Any, handle: Unary) -> UnaryMethod:
    """Return a method of bytes."""

    async def respond(data: bytes) -> bytes:
        request = _decode(request_class, data)
        try:
            response = await handle(request)
        except (EngineError, EngineUnavailableError) as error:
            raise translate_error(error) from error
        return bytes(response.SerializeToString())

    return UnaryMethod(respond)


def bind_streaming(request_class: Any, handle: Streaming) -> StreamingMethod:
    """Return a method of bytes."""

    async def respond(data: bytes) -> AsyncIterator[bytes]:
        request = _decode(request_class, data)
        try:
            async for response in handle(request):
                yield bytes(response.SerializeToString())
        except (EngineError, EngineUnavailableError) as error:
            raise translate_error(error) from error

    return StreamingMethod(respond)


def _decode(request_class: Any, data: bytes) -> Any:
    try:
        return request_class.FromString(data)
    except DecodeError as error:
        raise RpcError(Code.INVALID_ARGUMENT, f"malformed message: {error}") from None


def translate_error(error: EngineError | EngineUnavailableError) -> RpcError:
    """Return gRPC's status for what the engine answered."""
    if isinstance(error, EngineUnavailableError):
        return RpcError(Code.UNAVAILABLE, str(error))
    text = f"Error response from daemon: {error.message}"
    return RpcError(_CODES.get(error.status, Code.UNKNOWN), text)
