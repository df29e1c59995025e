"""What a handler returns: a whole response, or a stream that it has sent itself."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from multidict import CIMultiDict

if TYPE_CHECKING:
    import asyncio

REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class BaseResponse:
    """Status and headers. reason "": the usual phrase of the status."""

    __slots__ = ("headers", "reason", "status")

    def __init__(
        self, status: int, headers: Mapping[str, str] | CIMultiDict[str] | None, reason: str = ""
    ) -> None:
        self.status = status
        self.headers: CIMultiDict[str] = (
            headers if type(headers) is CIMultiDict else CIMultiDict(headers or ())
        )
        self.reason = reason

    @property
    def content_type(self) -> str:
        """Without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def encode_head(self, *more: str, version: str = "1.1") -> bytes:
        """Return the status line and all headers. more: lines without their ends. version: the client's.

        ValueError: a header has a line break in it.
        """
        reason = self.reason or REASONS.get(self.status, f"status code {self.status}")
        lines = [f"HTTP/{version} {self.status} {reason}", *more]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
            raise ValueError("a header has a line break in it")
        return (text + "\r\n\r\n").encode("utf-8", "replace")


class Response(BaseResponse):
    """A complete response. text: in place of the body, as text/plain unless a header says otherwise.

    A CIMultiDict of headers is used as it is, not copied.
    """

    __slots__ = ("body",)

    def __init__(
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        text: str | None = None,
        headers: Mapping[str, str] | CIMultiDict[str] | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(status, headers, reason)
        self.body = body
        if text is not None:
            self.body = text.encode()
            self.headers.setdefault("Content-Type", "text/plain; charset=utf-8")

    @property
    def text(self) -> str:
        return self.body.decode()


class StreamConnection(Protocol):
    """The connection that a stream is sent on."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """None once the client has disconnected."""

    def start_stream(self, request: Any, stream: StreamResponse) -> bool:
        """Send the head of the response to a Request. Return whether its body is chunked."""

    async def drain(self) -> None:
        """Wait while too much is unsent."""


class StreamRequest(Protocol):
    """The request that a stream answers."""

    @property
    def method(self) -> str: ...

    @property
    def connection(self) -> StreamConnection | None: ...


class StreamResponse(BaseResponse):
    """A response that is sent piece by piece: `start`, any number of `write`, `end`.

    Without Content-Length it is chunked, or ends with the connection (HTTP/1.0).
    """

    __slots__ = ("_connection", "_has_body", "_open", "chunked", "sent")

    def __init__(
        self,
        *,
        status: int = 200,
        headers: Mapping[str, str] | CIMultiDict[str] | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(status, headers, reason)
        self._connection: StreamConnection | None = None
        self._open = False
        self._has_body = False
        self.chunked = False
        #: Bytes of the body that were sent.
        self.sent = 0

    def start(self, request: StreamRequest) -> None:
        """Send the head. ConnectionResetError: the client has disconnected."""
        connection = request.connection
        if connection is None or connection.transport is None:
            raise ConnectionResetError("the client is gone")
        self._connection = connection
        self._open = True
        self.chunked = connection.start_stream(request, self)
        self._has_body = request.method != "HEAD" and has_body(self.status)

    async def write(self, data: bytes) -> None:
        """Send a piece. Wait while too much is unsent. ConnectionResetError: the client has disconnected."""
        connection: Any = self._connection
        if connection.transport is None:
            raise ConnectionResetError("the client is gone")
        if not data or not self._has_body:
            return
        self.sent += len(data)
        connection.transport.write(encode_chunk(data) if self.chunked else data)
        await connection.drain()

    def end(self) -> None:
        """End the body. A second call does nothing."""
        if not self._open:
            return
        self._open = False
        transport = self._connection.transport if self._connection is not None else None
        if transport is not None and self.chunked and self._has_body:
            transport.write(b"0\r\n\r\n")


def encode_chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def has_body(status: int) -> bool:
    """Whether responses with that status have a body."""
    return status >= 200 and status not in {204, 304}
