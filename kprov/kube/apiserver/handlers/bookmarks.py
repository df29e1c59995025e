"""Bookmarks of a watch: about one a minute, and one shortly before its timeout."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kprov.kube.apiserver.cacher.cacher import Cacher
    from kprov.kube.apiserver.cacher.watcher import Watcher

#: Seconds between the last bookmark and the timeout, as upstream.
BEFORE_END_SECONDS: Final = 2.0
_INTERVAL_SECONDS: Final = 60.0


class Bookmarks:
    """Send bookmarks to one watch until `cancel`. A watch shorter than the last interval gets none."""

    def __init__(
        self, cacher: Cacher, watcher: Watcher, seconds: float, *, interval: float = _INTERVAL_SECONDS
    ) -> None:
        """seconds: the timeout of the watch. interval: seconds between two bookmarks."""
        self._cacher = cacher
        self._watcher = watcher
        self._interval = interval
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time() + seconds - BEFORE_END_SECONDS
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        if watcher.bookmarks:
            self._schedule()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self) -> None:
        now = self._loop.time()
        self._due = min(now + self._interval, self._last)
        if self._due > now:
            self._timer = self._loop.call_at(self._due, self._send)

    def _send(self) -> None:
        self._watcher.sink.send_bookmark(self._cacher.revision)
        if self._due < self._last:
            self._schedule()
