"""One call on a connection: what is still to be sent, and what has come."""

from __future__ import annotations

import asyncio
from collections import deque

from kprov.kube.component_base.rpc.status import Code, RpcError

#: Of every message: whether it is compressed, and its length.
_PREFIX_BYTES = 5


def prefixed(message: bytes) -> bytes:
    """A message as it travels."""
    return b"\x00" + len(message).to_bytes(4, "big") + message


class Exchange:
    """The state of one stream."""

    __slots__ = ("ends", "headers", "pending", "received", "stream", "window")

    def __init__(self) -> None:
        self.stream = 0
        #: Bytes that the server takes of this stream.
        self.window = 0
        #: What waits for a window, and whether the stream ends after it.
        self.pending = b""
        self.ends = False
        #: Bytes that came since the server was last told that there is room.
        self.received = 0
        self.headers: dict[str, str] = {}

    def take(self, data: bytes) -> None:
        """A piece of the answer."""
        raise NotImplementedError

    def end(self, error: RpcError | None) -> None:
        """Nothing more comes."""
        raise NotImplementedError


class Unary(Exchange):
    """One message there, one back."""

    __slots__ = ("_data", "future")

    def __init__(self, future: asyncio.Future[bytes]) -> None:
        super().__init__()
        self.future = future
        self._data = b""

    def take(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data

    def end(self, error: RpcError | None) -> None:
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
            return
        data = self._data
        size = len(data) - _PREFIX_BYTES
        if size < 0 or data[0] or int.from_bytes(data[1:_PREFIX_BYTES], "big") != size:
            self.future.set_exception(RpcError(Code.INTERNAL, "the answer is not one plain message"))
        else:
            self.future.set_result(data[_PREFIX_BYTES:])


class Streaming(Exchange):
    """Messages as they come; whoever iterates gets them, and then the end."""

    __slots__ = ("_buffer", "_ended", "_error", "_messages", "_waiter")

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray()
        self._messages: deque[bytes] = deque()
        self._ended = False
        self._error: RpcError | None = None
        self._waiter: asyncio.Future[None] | None = None

    def take(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _PREFIX_BYTES:
            end = at + _PREFIX_BYTES + int.from_bytes(buffer[at + 1 : at + _PREFIX_BYTES], "big")
            if buffer[at]:
                self.end(RpcError(Code.INTERNAL, "a compressed message, which was not asked for"))
                return
            if end > len(buffer):
                break
            self._messages.append(bytes(buffer[at + _PREFIX_BYTES : end]))
            at = end
        if at:
            del buffer[:at]
            self._wake()

    def end(self, error: RpcError | None) -> None:
        if not self._ended:
            self._ended, self._error = True, error
            self._wake()

    def drop(self, error: RpcError) -> None:
        """End it, and give nothing of what has come."""
        self._messages.clear()
        self.end(error)

    async def next(self) -> bytes | None:
        """The next message, None at the end. Raises RpcError."""
        while not self._messages:
            if self._error is not None:
                raise self._error
            if self._ended:
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._messages.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
