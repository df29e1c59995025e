"""A body, as it arrives."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

#: With more unread bytes the connection stops reading from the peer.
_HIGH_WATER_BYTES = 256 * 1024


class BrokenBodyError(ValueError):
    """The body breaks the rules of its framing."""


class ClientGoneError(ConnectionResetError):
    """The client disconnected before its body was complete."""


class Body:
    """Pieces in their order. `on_first_read` is called once: the client may expect 100-continue."""

    __slots__ = (
        "_pause",
        "_paused",
        "_pieces",
        "_unread",
        "_waiter",
        "error",
        "has_ended",
        "on_first_read",
        "received",
    )

    def __init__(self, pause: Callable[[bool], None] | None = None) -> None:
        """pause: called with True when too much is unread, and with False when that has been read."""
        self._pieces: deque[bytes] = deque()
        self._pause = pause
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._unread = 0
        #: Bytes that have arrived, read or not.
        self.received = 0
        self.has_ended = False
        #: Why the body ended before it was complete.
        self.error: Exception | None = None
        self.on_first_read: Callable[[], None] | None = None

    @classmethod
    def of(cls, data: bytes) -> Body:
        """Return a complete body."""
        made = cls()
        if data:
            made.feed(data)
        made.end()
        return made

    def feed(self, data: bytes) -> None:
        self._pieces.append(data)
        self.received += len(data)
        self._unread += len(data)
        if self._unread > _HIGH_WATER_BYTES and not self._paused and self._pause is not None:
            self._paused = True
            self._pause(True)
        self._wake()

    def end(self, error: Exception | None = None) -> None:
        """No more pieces. error: why the body is incomplete; raised when all pieces are read."""
        self.has_ended = True
        self.error = error
        self._wake()

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield the remaining pieces. Raises the error that `end` got."""
        self._start_reading()
        while True:
            if not self._pieces and not self.has_ended:
                await self._wait_for_data()
            if self._pieces:
                data = self._pieces.popleft()
                self._count_read(len(data))
                yield data
            elif self.error is not None:
                raise self.error
            elif self.has_ended:
                return

    async def read(self) -> bytes:
        """Wait for bytes. b"" at the end. Raises the error that `end` got."""
        self._start_reading()
        if not self._pieces and not self.has_ended:
            await self._wait_for_data()
        if not self._pieces and self.error is not None:
            raise self.error
        return self.take_unread()

    async def wait_until_buffered(self) -> None:
        """Wait until the body has arrived, or as much of it as is read ahead. Reads nothing.

        Returns immediately if the client waits for 100 Continue.
        """
        while not (self.has_ended or self._paused or self.on_first_read is not None):
            await self._wait_for_data()

    def take_unread(self) -> bytes:
        """Return the unread bytes without waiting."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._count_read(len(data))
        return data

    async def discard(self, most: int) -> bool:
        """Read and drop the rest. False: it was longer than `most` bytes."""
        async for data in self.iter_any():
            most -= len(data)
            if most < 0:
                return False
        return True

    def _start_reading(self) -> None:
        if self.on_first_read is not None:
            self.on_first_read()
            self.on_first_read = None

    async def _wait_for_data(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _count_read(self, size: int) -> None:
        self._unread -= size
        if self._paused and self._unread <= _HIGH_WATER_BYTES and self._pause is not None:
            self._paused = False
            self._pause(False)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
