"""Run requests with long computations one after the other, and beside the event loop where possible.

A body of 3 MB costs a second of CPU time. If each of twenty clients sends one, a step of each would run in
every iteration of the loop, and a small request would wait for all of them. In the lane only one such request
computes at a time, users take turns, and its pure functions run in a thread: the loop gets the interpreter
back after the switch interval, not after the function. Between its other steps it gives way.
"""

from __future__ import annotations

import asyncio
import sys
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Bodies from this size on are heavy: they take about 20 ms in all.
HEAVY_BYTES: Final = 48 * 1024
#: Groups of kinds with expressions, of which a few kilobytes take 100 ms to compile.
_WITH_EXPRESSIONS: Final = frozenset(
    {"admissionregistration.k8s.io", "apiextensions.k8s.io", "resource.k8s.io"}
)
_HEAVY_EXPRESSION_BYTES: Final = 1024
#: How long the thread of the lane may keep the interpreter while the loop waits. Python's default is 5 ms,
#: and a request waits for the interpreter several times.
_SWITCH_SECONDS: Final = 0.001


def is_heavy(group: str, size: int) -> bool:
    """Whether objects of the API group with so many bytes are heavy."""
    return size >= (_HEAVY_EXPRESSION_BYTES if group in _WITH_EXPRESSIONS else HEAVY_BYTES)


class HeavyLane:
    """One place, which the users that wait get in turn."""

    def __init__(self) -> None:
        self._is_taken = False
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._executor: ThreadPoolExecutor | None = None

    def reserve(self, user: str) -> Place:
        """Return the place, which is the caller's when its `wait` returns. The caller leaves it."""
        if not self._is_taken:
            self._is_taken = True
            return Place(self)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(turn)
        return Place(self, turn)

    def _free(self) -> None:
        """Give the place to the next user, and in it to the oldest request."""
        while self._waiting:
            user, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[user] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._is_taken = False

    async def run(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Run a pure function in the thread of the lane."""
        if self._executor is None:
            sys.setswitchinterval(_SWITCH_SECONDS)
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="heavy-lane")

        def call() -> T:
            return function(*args, **named)

        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


class Place:
    """The place of one request. It is left once."""

    def __init__(self, lane: HeavyLane, turn: asyncio.Future[None] | None = None) -> None:
        """turn: ends when the place is the request's; None if it already is."""
        self._lane = lane
        self._turn = turn
        self._is_left = False

    async def wait(self) -> None:
        """Wait until the place is the request's. Several parts of one request may wait."""
        if self._turn is not None and not self._turn.done():
            await asyncio.shield(self._turn)

    def leave(self) -> None:
        """Free the place, or stop to wait for it. A second call does nothing."""
        if self._is_left:
            return
        self._is_left = True
        if self._turn is not None and not self._turn.done():
            self._turn.cancel()
        else:
            self._lane._free()  # noqa: SLF001  its own lane

    async def run(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """See HeavyLane.run."""
        return await self._lane.run(function, *args, **named)


class LaneEntry:
    """The way of one request into the lane. All copies of the request's context share it.

    So do parts of the request that run side by side, as in the deletion of a collection: if each waited for a
    place of its own, the second would wait for the end of its own request.
    """

    def __init__(self, lane: HeavyLane, user: str) -> None:
        self._lane = lane
        self._user = user
        #: None before the request has entered the lane.
        self.place: Place | None = None
        self._has_ended = False

    async def enter(self) -> None:
        """Wait for the request's place. After the end of the request nobody would free one: return."""
        if self._has_ended:
            return
        if self.place is None:
            self.place = self._lane.reserve(self._user)
        await self.place.wait()

    def leave(self) -> None:
        """End the request: free its place, if it has one."""
        self._has_ended = True
        if self.place is not None:
            self.place.leave()


class LaneRequestInfo(Protocol):
    """The parsed path of a request."""

    @property
    def api_group(self) -> str: ...


class LaneRequest(Protocol):
    """The context of a request."""

    lane_entry: LaneEntry | None

    @property
    def info(self) -> LaneRequestInfo: ...


async def enter(context: LaneRequest, size: int) -> None:
    """Wait for a place in the lane if so many bytes are heavy. The request chain leaves it.

    What the server writes by itself has no entry.
    """
    if context.lane_entry is not None and is_heavy(context.info.api_group, size):
        await context.lane_entry.enter()


async def run(place: Place | None, function: Callable[..., T], *args: Any) -> T:
    """Run a pure function: in the thread for a request in the lane, else here."""
    return function(*args) if place is None else await place.run(function, *args)


async def give_way(place: Place | None) -> None:
    """Let other requests run, in the middle of a request in the lane."""
    if place is not None:
        await asyncio.sleep(0)
