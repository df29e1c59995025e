"""One call on a connection: what is still to be sent, and what has arrived."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from kprov.kube.component_base.rpc.status import Code, RpcError

#: The prefix of a message: whether it is compressed, and its length.
_PREFIX_BYTES = 5


def encode_message(message: bytes) -> bytes:
    """Return a Length-Prefixed-Message, not compressed."""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def split_message(data: bytes) -> bytes | None:
    """Return the message of a Length-Prefixed-Message. None: it is compressed, or not one message."""
    size = len(data) - _PREFIX_BYTES
    if size < 0 or data[0] or int.from_bytes(data[1:_PREFIX_BYTES], "big") != size:
        return None
    return data[_PREFIX_BYTES:]


class Call:
    """The state of the HTTP/2 stream of a call."""

    __slots__ = ("ends_stream", "headers", "pending", "send_window", "stream_id", "unreported_bytes")

    def __init__(self) -> None:
        self.stream_id = 0
        #: Bytes that the server accepts on this stream.
        self.send_window = 0
        #: Bytes that wait for a window, and whether the stream ends after them.
        self.pending = b""
        self.ends_stream = False
        #: Bytes received since the last WINDOW_UPDATE.
        self.unreported_bytes = 0
        self.headers: Mapping[str, str] = {}

    def add_data(self, data: bytes) -> None:
        """Bytes of the response."""
        raise NotImplementedError

    def end(self, error: RpcError | None) -> None:
        """Handle that the response is complete, or that the call has failed."""
        raise NotImplementedError


class UnaryCall(Call):
    """One message to the server, one message back."""

    __slots__ = ("_data", "future")

    def __init__(self, future: asyncio.Future[bytes]) -> None:
        super().__init__()
        self.future = future
        self._data = b""

    def add_data(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data

    def end(self, error: RpcError | None) -> None:
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
            return
        message = split_message(self._data)
        if message is None:
            self.future.set_exception(RpcError(Code.INTERNAL, "the response is not one uncompressed message"))
        else:
            self.future.set_result(message)


class StreamingCall(Call):
    """Any number of messages both ways."""

    __slots__ = ("_buffer", "_error", "_has_ended", "_messages", "_waiter")

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray()
        self._messages: deque[bytes] = deque()
        self._has_ended = False
        self._error: RpcError | None = None
        self._waiter: asyncio.Future[None] | None = None

    def add_data(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _PREFIX_BYTES:
            end = at + _PREFIX_BYTES + int.from_bytes(buffer[at + 1 : at + _PREFIX_BYTES], "big")
            if buffer[at]:
                self.end(RpcError(Code.INTERNAL, "the server sent a compressed message"))
                return
            if end > len(buffer):
                break
            self._messages.append(bytes(buffer[at + _PREFIX_BYTES : end]))
            at = end
        if at:
            del buffer[:at]
            self._wake()

    def end(self, error: RpcError | None) -> None:
        if not self._has_ended:
            self._has_ended, self._error = True, error
            self._wake()

    def cancel(self, error: RpcError) -> None:
        """End it, and drop the messages that have not been read."""
        self._messages.clear()
        self.end(error)

    async def next(self) -> bytes | None:
        """Return the next message. None at the end. RpcError."""
        while not self._messages:
            if self._error is not None:
                raise self._error
            if self._has_ended:
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._messages.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
