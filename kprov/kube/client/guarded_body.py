"""Bodies of requests that must not leave the process once it may lead no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload

#: Says why a change was not sent.
NOT_SENT: Final = "not sent, this process may lead no more"


class GuardedBody(BytesPayload):
    """Checks the lease when the bytes are written.

    A process may be suspended between the check of a request and its write, while it connects. Its timers run
    too late to stop the write when it wakes. aiohttp holds the header back until the body is written.
    """

    def __init__(self, data: bytes, get_seconds_left: Callable[[], float]) -> None:
        super().__init__(data)
        self._get_seconds_left = get_seconds_left

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """ConnectionError: the lease has expired; nothing was written."""
        if self._get_seconds_left() <= 0:
            raise ConnectionError(NOT_SENT)
        await super().write_with_length(writer, content_length)
