"""A queue of keys with rate limited retries (client-go's work queue)."""

import asyncio
import heapq
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from kprov.kube.client.errors import ApiError, ClientError, TransportError
from kprov.kube.component_base.rate_limit import TokenBucket

if TYPE_CHECKING:
    from kprov.kube.client.queue_metrics import QueueMetrics

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)

# DefaultTypedControllerRateLimiter: per key 5 ms doubling to 1000 s, together 10 a second, 100 at once.
_BASE_DELAY: Final = 0.005
_MAX_DELAY: Final = 1000.0
_RETRIES_PER_SECOND: Final = 10.0
_RETRY_BURST: Final = 100


class QueueClosed(Exception):  # noqa: N818  the end of work, not an error
    """The queue was shut down and is empty."""


class WorkQueue(Generic[Key]):
    """Holds each key once. One worker processes a key at a time. A key added meanwhile follows after that.

    name: for the workqueue_* metrics. "" for none.
    """

    def __init__(
        self, name: str = "", *, base_delay: float = _BASE_DELAY, max_delay: float = _MAX_DELAY
    ) -> None:
        self._name = name
        self._delays = (base_delay, max_delay)
        self._queue: deque[Key] = deque()
        self._dirty: set[Key] = set()
        self._processing: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._bucket = TokenBucket(_RETRIES_PER_SECOND, _RETRY_BURST)
        self._waiting: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._sequence = 0
        self._timer: asyncio.TimerHandle | None = None
        self._getters: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._metrics = _metrics(name) if name else None

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, key: Key) -> None:
        if self._closed or key in self._dirty:
            return
        self._dirty.add(key)
        if self._metrics:
            self._metrics.on_add(key)
        if key not in self._processing:
            self._queue.append(key)
            self._wake()

    def add_after(self, key: Key, seconds: float) -> None:
        """Add later. Of several times for a key the earliest counts."""
        if seconds <= 0:
            self.add(key)
            return
        due = time.monotonic() + seconds
        if self._closed or self._waiting.get(key, due + 1) <= due:
            return
        self._waiting[key] = due
        self._sequence += 1
        heapq.heappush(self._heap, (due, self._sequence, key))
        self._schedule_timer()

    def add_rate_limited(self, key: Key) -> None:
        """Add after the key's back-off."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        if self._metrics:
            self._metrics.on_retry()
        base, maximum = self._delays
        delay = min(base * 2 ** min(failures, 30), maximum)
        self.add_after(key, max(delay, self._bucket.reserve()))

    def failures(self, key: Key) -> int:
        """How often the key was added rate limited since `forget` (NumRequeues)."""
        return self._failures.get(key, 0)

    def forget(self, key: Key) -> None:
        """Reset the key's back-off."""
        self._failures.pop(key, None)

    async def get(self) -> Key:
        """Return the next key. Call `done(key)` after it. QueueClosed: after `shut_down`."""
        while not self._queue:
            if self._closed:
                raise QueueClosed
            getter = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                if getter.done() and not getter.cancelled():
                    self._wake()
                raise
        key = self._queue.popleft()
        self._processing.add(key)
        self._dirty.discard(key)
        if self._metrics:
            self._metrics.on_get(key)
        return key

    def done(self, key: Key) -> None:
        self._processing.discard(key)
        if self._metrics:
            self._metrics.on_done(key)
        if key in self._dirty:
            self._queue.append(key)
            self._wake()

    def shut_down(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        while self._getters:
            self._wake()

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    def _schedule_timer(self) -> None:
        if not self._heap:
            return
        if self._timer is not None:
            self._timer.cancel()
        delay = max(0.0, self._heap[0][0] - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self._add_due_keys)

    def _add_due_keys(self) -> None:
        now = time.monotonic() + 0.001
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._waiting.get(key) == due:
                del self._waiting[key]
                self.add(key)
        self._timer = None
        self._schedule_timer()


def _metrics(name: str) -> "QueueMetrics":
    from kprov.kube.client.queue_metrics import QueueMetrics

    return QueueMetrics(name)


async def run_workers(
    queue: WorkQueue[Key], sync: Callable[[Key], Awaitable[None]], *, workers: int = 1, name: str = ""
) -> None:
    """Call `sync(key)` for every key until cancelled or the queue is shut down.

    A key whose sync raises is added again after its back-off. Conflicts are common and logged at debug level.
    """

    async def work() -> None:
        while True:
            try:
                key = await queue.get()
            except QueueClosed:
                return
            try:
                await sync(key)
            except Exception as error:
                _log_failure(name, key, error)
                queue.add_rate_limited(key)
            else:
                queue.forget(key)
            finally:
                queue.done(key)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())


def _log_failure(name: str, key: Hashable, error: Exception) -> None:
    if isinstance(error, ApiError) and error.is_conflict:
        log.debug("%s %s: %s", name, key, error)
    elif isinstance(error, TransportError):
        log.warning("%s %s: %s", name, key, error)
    elif isinstance(error, ClientError):
        log.warning("%s: syncing %s: %s", name, key, error)
    else:
        log.error("%s: syncing %s failed", name, key, exc_info=error)
