"""One priority level: its seats and its queues.

A request takes a free seat immediately if nobody waits, at the cost of two additions. Otherwise shuffle
sharding deals its flow a hand of queues, and it waits in the shortest. Queues are served by start-time fair
queuing: the tag of a request is where the work of its queue ends, in seats, and the smallest tag is next. So
a flow with many requests delays itself and not the others.

Source of the semantics: apiserver/pkg/util/flowcontrol/fairqueuing/queueset and shufflesharding.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import deque
from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.flowcontrol.matching import FlowSchema
from kprov.kube.machinery.json_object import JsonObject

#: The maximum part of the nominal seats for one request.
_WIDEST_PART: Final = 0.15
_WIDEST: Final = 10
_FLOWS_REMEMBERED: Final = 4096


class _Queue:
    __slots__ = ("end", "seats", "tickets")

    def __init__(self) -> None:
        self.tickets: deque[Ticket] = deque()
        #: Seats of waiting and running requests of this queue.
        self.seats = 0
        #: The tag where the work of the queue ends.
        self.end = 0.0


class Ticket:
    """A request in a priority level: waiting, running or finished."""

    __slots__ = ("_queue", "_seated", "_tag", "future", "level", "schema", "seats", "waited")

    def __init__(self, schema: FlowSchema, level: PriorityLevel, seats: int) -> None:
        self.schema = schema
        self.level = level
        self.seats = seats
        #: Done when a waiting request may run.
        self.future: asyncio.Future[None] | None = None
        self._queue: _Queue | None = None
        self._seated = False
        self._tag = 0.0
        #: Seconds in a queue.
        self.waited = 0.0

    @property
    def schema_uid(self) -> str:
        return self.schema.uid

    @property
    def level_uid(self) -> str:
        return self.level.uid

    def _begin(self) -> None:
        self._seated = True
        counts = self.schema.counts
        counts.dispatched += 1
        counts.running += 1
        counts.seats += self.seats

    def leave(self) -> None:
        """End the request, or stop waiting. A second call does nothing."""
        if self._seated:
            self._seated = False
            self.level.release(self)
        elif self.future is not None and self._queue is not None:
            self.level.abandon(self)


class PriorityLevel:
    """An exempt level only counts. A limited level has `limit` seats, which lending and borrowing change."""

    def __init__(self, obj: JsonObject) -> None:
        self.name: str = obj["metadata"]["name"]
        self.in_use = 0
        self.running = 0
        self.waiting = 0
        #: The maximum of seats in use or requested since the last allocation.
        self.demand = 0
        self.smooth = 0.0
        self.limit = self.nominal = self.least = self.most = 0
        self.widest = 1
        self._virtual = 0.0
        self._queues: list[_Queue] = []
        self._hands: dict[str, Sequence[int]] = {}
        self.update(obj)

    def update(self, obj: JsonObject) -> None:
        """Use a new version of the object. Requests keep their seats and their places in queues."""
        spec = obj["spec"]
        self.uid: str = obj["metadata"].get("uid", "")
        self.is_exempt = spec.get("type") == "Exempt"
        settings = spec.get("exempt" if self.is_exempt else "limited") or {}
        shares = settings.get("nominalConcurrencyShares")
        self.shares: int = (0 if self.is_exempt else 30) if shares is None else shares
        self.lendable: int = settings.get("lendablePercent") or 0
        self.borrowing: int | None = settings.get("borrowingLimitPercent")
        response = settings.get("limitResponse") or {}
        queuing = (response.get("queuing") or {}) if response.get("type") == "Queue" else None
        self._room = 0
        count = 0
        if queuing is not None:
            count, self._hand = queuing.get("queues") or 64, queuing.get("handSize") or 8
            self._room = queuing.get("queueLengthLimit") or 50
        if self.waiting:
            # Queues with waiting requests must stay.
            count = max(count, len(self._queues))
        del self._queues[count:]
        self._queues += [_Queue() for _ in range(count - len(self._queues))]
        self._hands.clear()

    def set_nominal(self, seats: int, shares: int) -> None:
        """Compute the nominal seats. seats: of all levels. shares: the sum of all levels' shares."""
        self.nominal = math.ceil(seats * self.shares / shares) if shares else 0
        self.least = self.nominal - _take_percent(self.nominal, self.lendable)
        more = seats if self.borrowing is None else _take_percent(self.nominal, self.borrowing)
        self.most = self.nominal + more
        self.widest = max(1, min(_WIDEST, math.ceil(self.nominal * _WIDEST_PART)))
        self.set_limit(self.nominal)

    @property
    def has_queues(self) -> bool:
        return bool(self._queues)

    def set_limit(self, limit: int) -> None:
        self.limit = limit
        self.dispatch()

    def try_seat(self, ticket: Ticket) -> bool:
        """Take seats if they are free and nobody waits. A level without seats runs one request at a time."""
        seats = ticket.seats
        if self.is_exempt:
            self.running += 1
            self.in_use += seats
        elif not self.waiting and (self.in_use + seats <= self.limit or not self.in_use):
            self.running += 1
            self.in_use += seats
            self.demand = max(self.demand, self.in_use)
        else:
            return False
        ticket._begin()
        return True

    def enqueue(self, ticket: Ticket, flow: str) -> str:
        """Put a request into a queue; return the reason of a rejection, or ""."""
        if not self._queues or not self._room:
            return "concurrency-limit"
        hand = self._hands.get(flow)
        if hand is None:
            if len(self._hands) >= _FLOWS_REMEMBERED:
                self._hands.clear()
            hand = self._hands[flow] = deal_queues(flow, len(self._queues), self._hand)
        queue = min((self._queues[index] for index in hand), key=lambda candidate: candidate.seats)
        if len(queue.tickets) >= self._room:
            return "queue-full"
        ticket.future = asyncio.get_running_loop().create_future()
        ticket._queue = queue
        ticket._tag = max(self._virtual, queue.end)
        queue.end = ticket._tag + ticket.seats
        queue.seats += ticket.seats
        queue.tickets.append(ticket)
        self.waiting += 1
        ticket.schema.counts.waiting += 1
        self.demand = max(self.demand, self.in_use + ticket.seats, self.in_use + self.waiting)
        self.dispatch()
        return ""

    def dispatch(self) -> None:
        """Give free seats to waiting requests, the smallest tag first."""
        while self.waiting:
            queue = min(
                (queue for queue in self._queues if queue.tickets),
                key=lambda candidate: candidate.tickets[0]._tag,
            )
            ticket = queue.tickets[0]
            # A request for many seats waits until they are free, and no other request overtakes it.
            if self.in_use + ticket.seats > self.limit and self.in_use:
                return
            queue.tickets.popleft()
            self.waiting -= 1
            ticket.schema.counts.waiting -= 1
            self._virtual = max(self._virtual, ticket._tag)
            assert ticket.future is not None
            if ticket.future.done():
                queue.seats -= ticket.seats
                continue
            self.running += 1
            self.in_use += ticket.seats
            ticket._begin()
            ticket.future.set_result(None)

    def release(self, ticket: Ticket) -> None:
        """Handle the end of a request. Ticket.leave calls it."""
        self.running -= 1
        self.in_use -= ticket.seats
        counts = ticket.schema.counts
        counts.running -= 1
        counts.seats -= ticket.seats
        if ticket._queue is not None:
            ticket._queue.seats -= ticket.seats
            ticket._queue = None
        if self.waiting:
            self.dispatch()

    def abandon(self, ticket: Ticket) -> None:
        """Handle the end of a request. Ticket.leave calls it."""
        queue, ticket._queue = ticket._queue, None
        assert queue is not None
        if ticket in queue.tickets:
            queue.tickets.remove(ticket)
            queue.seats -= ticket.seats
            self.waiting -= 1
            ticket.schema.counts.waiting -= 1
            if self.waiting:
                self.dispatch()


def _take_percent(number: int, percent: int) -> int:
    """Round halves up, as upstream."""
    return (number * percent + 50) // 100


def deal_queues(flow: str, queues: int, hand: int) -> Sequence[int]:
    """Return the indexes of `hand` different queues, always the same for a flow."""
    value = int.from_bytes(hashlib.sha256(flow.encode()).digest()[:16], "big")
    left = list(range(queues))
    dealt = []
    for _ in range(min(hand, queues)):
        value, index = divmod(value, len(left))
        dealt.append(left.pop(index))
    return dealt
