"""The requests that typed access to one resource needs; RestClient implements them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

Body = dict[str, Any] | list[Any] | bytes | msgspec.Struct
Params = Mapping[str, str | int | float | bool]


class ApiConnection(Protocol):
    """An API server with credentials. Both methods raise ApiError and TransportError."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Body | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> bytes:
        """Return the body of the response."""

    def stream(
        self,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        idle_timeout: float | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Return the body of a long response, piece by piece."""
