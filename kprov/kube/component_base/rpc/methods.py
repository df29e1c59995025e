"""The methods of a gRPC server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnaryMethod:
    """handle: takes the request's message, returns the response's. RpcError: the call's status."""

    handle: Callable[[bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class StreamingMethod:
    """handle: takes the request's message, yields those of the response. RpcError: the call's status."""

    handle: Callable[[bytes], AsyncIterator[bytes]]
