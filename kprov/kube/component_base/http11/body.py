"""A request's body, as it arrives."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

#: The client is not read from while so much lies here unread.
_HIGH_BYTES = 256 * 1024


class BrokenBodyError(ValueError):
    """What the client sends as a body is no HTTP any more."""


class ClientGoneError(ConnectionResetError):
    """The client left before its body was there."""


class Body:
    """Pieces in their order. `on_first_read` is called once: a client may wait for leave to send."""

    __slots__ = (
        "_pause",
        "_paused",
        "_pieces",
        "_unread",
        "_waiter",
        "ended",
        "error",
        "on_first_read",
        "received",
    )

    def __init__(self, pause: Callable[[bool], None] | None = None) -> None:
        """pause: called with True when too much lies unread, with False when it has been read."""
        self._pieces: deque[bytes] = deque()
        self._pause = pause
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._unread = 0
        #: Bytes that have come, read or not.
        self.received = 0
        self.ended = False
        #: Why the body ended before it was complete.
        self.error: Exception | None = None
        self.on_first_read: Callable[[], None] | None = None

    @classmethod
    def of(cls, data: bytes) -> Body:
        """A body that is there already."""
        made = cls()
        if data:
            made.feed(data)
        made.end()
        return made

    def feed(self, data: bytes) -> None:
        self._pieces.append(data)
        self.received += len(data)
        self._unread += len(data)
        if self._unread > _HIGH_BYTES and not self._paused and self._pause is not None:
            self._paused = True
            self._pause(True)
        self._wake()

    def end(self, error: Exception | None = None) -> None:
        """error: why there comes no more, raised to who reads on."""
        self.ended = True
        self.error = error
        self._wake()

    async def iter_any(self) -> AsyncIterator[bytes]:
        """The pieces that are left. Raises what `end` was given."""
        self._begin()
        while True:
            if not self._pieces and not self.ended:
                await self._more()
            if self._pieces:
                data = self._pieces.popleft()
                self._read(len(data))
                yield data
            elif self.error is not None:
                raise self.error
            elif self.ended:
                return

    async def read(self) -> bytes:
        """All that has come since; b"" at the end. Raises what `end` was given."""
        self._begin()
        if not self._pieces and not self.ended:
            await self._more()
        if not self._pieces and self.error is not None:
            raise self.error
        return self.taken()

    def taken(self) -> bytes:
        """What has come since."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._read(len(data))
        return data

    async def discard(self, most: int) -> bool:
        """Throw away what is left of it. False: it was more than that."""
        async for data in self.iter_any():
            most -= len(data)
            if most < 0:
                return False
        return True

    def _begin(self) -> None:
        if self.on_first_read is not None:
            self.on_first_read()
            self.on_first_read = None

    async def _more(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _read(self, size: int) -> None:
        self._unread -= size
        if self._paused and self._unread <= _HIGH_BYTES and self._pause is not None:
            self._paused = False
            self._pause(False)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
