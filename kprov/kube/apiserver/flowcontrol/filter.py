"""Limits of concurrent requests: priority and fairness, or two fixed limits without it.

The server's seats are --max-requests-inflight plus --max-mutating-requests-inflight. Several processes have
equal parts of them: the kernel distributes connections evenly, and a counter in shared memory would cost more
than all other work of this filter.
Source: apiserver/pkg/server/filters/{priority-and-fairness,maxinflight}.go.
"""

from __future__ import annotations

import asyncio
import math
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, Final, Protocol

from kprov.kube.apiserver.flowcontrol import allocation, flow_metrics
from kprov.kube.apiserver.flowcontrol.level import PriorityLevel, Ticket
from kprov.kube.apiserver.flowcontrol.matching import FlowSchema
from kprov.kube.apiserver.flowcontrol.retry_after import RetryAfter
from kprov.kube.apiserver.interfaces.objects import CacheReader
from kprov.kube.apiserver.registry.flowcontrol import bootstrap_objects
from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.apiserver.request.http_request import Request
from kprov.kube.component_base import metrics
from kprov.kube.component_base.http11.response import Response
from kprov.kube.component_base.prometheus import REGISTRY, Metric
from kprov.kube.machinery.json_object import JsonObject

_OBJECTS_PER_SEAT: Final = 100
_MAX_CACHED_MATCHES: Final = 8192
_MASTERS: Final = "system:masters"
_READS: Final = frozenset({"get", "list", "watch"})
_TEXT: Final = "Too many requests, please try again later.\n"

_DROPPED: Final = metrics.counter(
    "apiserver_dropped_requests_total",
    "Number of requests dropped with 'Try again later' response",
    ["request_kind"],
)


class FlowControl(Protocol):
    """Called once for each request, after authentication."""

    async def enter(self, request: Request, user: UserInfo, info: RequestInfo) -> Response | None:
        """Wait until the request may run; return a response if it is rejected.

        The caller frees `request.seat` at the end of the request.
        """

    def start(self) -> None:
        """Handle that the watch cache is filled."""

    async def run(self) -> None:
        """Run until cancelled."""


#: The number of objects of (group, plural) in the watch cache; None if they are not stored.
CountObjects = Callable[[str, str], int | None]


def build(
    options: Namespace,
    processes: int,
    count_objects: CountObjects,
    configuration: Mapping[str, CacheReader],
) -> FlowControl:
    """By --enable-priority-and-fairness and the two limits. processes: how many share the limits.

    `configuration` reads FlowSchemas and PriorityLevelConfigurations, by plural.
    """
    reading, writing = options.max_requests_inflight, options.max_mutating_requests_inflight
    if not options.enable_priority_and_fairness:
        return MaxInFlight(math.ceil(reading / processes), math.ceil(writing / processes))
    seats = math.ceil((reading + writing) / processes)
    return PriorityAndFairness(count_objects, configuration, seats, options.request_timeout / 4)


def build_too_many_requests(seconds: int = 1) -> Response:
    """Return the 429 of upstream's filters. seconds: for Retry-After."""
    headers = {
        "Cache-Control": "no-cache, private",
        "Retry-After": str(seconds),
        "X-Content-Type-Options": "nosniff",
    }
    return Response(status=429, text=_TEXT, headers=headers)


class PriorityAndFairness:
    """Follows FlowSchemas and PriorityLevelConfigurations. Mandatory ones work before they are stored."""

    def __init__(
        self,
        count_objects: CountObjects,
        configuration: Mapping[str, CacheReader],
        seats: int,
        max_wait_seconds: float,
    ) -> None:
        """seats: of this process. max_wait_seconds: how many seconds a request may wait."""
        self._count_objects = count_objects
        self._configuration = configuration
        self._seats = seats
        self._max_wait_seconds = max_wait_seconds
        self._levels: dict[str, PriorityLevel] = {}
        self._retry_after: dict[str, RetryAfter] = {}
        self._schemas: list[FlowSchema] = []
        self._matches: dict[tuple[Any, ...], tuple[FlowSchema, PriorityLevel, str]] = {}
        self._building: asyncio.Handle | None = None
        mandatory = bootstrap_objects.load_objects()
        self._build(
            [obj for kind, obj in mandatory if kind == bootstrap_objects.LEVELS],
            [obj for kind, obj in mandatory if kind == bootstrap_objects.SCHEMAS],
        )

    async def enter(self, request: Request, user: UserInfo, info: RequestInfo) -> Response | None:
        """See FlowControl. Connections need no seat; a watch has one until its head is sent."""
        if request.is_long and info.verb != "watch":
            return None
        key = (
            user.name, user.groups, info.verb, info.api_group, info.resource, info.subresource,
            info.namespace, "" if info.is_resource_request else info.path,
        )  # fmt: skip
        match = self._matches.get(key)
        if match is None:
            match = self._match(key, user, info)
        schema, level, flow = match
        seats = 1 if info.verb not in {"list", "watch"} else self._estimate_seats(request, info, level)
        ticket = request.seat = request.ticket = Ticket(schema, level, seats)
        if level.try_seat(ticket):
            return None
        reason = level.enqueue(ticket, flow)
        if not reason and await self._wait(ticket):
            return None
        reason = reason or "time-out"
        rejected = schema.counts.rejected
        rejected[reason] = rejected.get(reason, 0) + 1
        _DROPPED.labels("readOnly" if info.verb in _READS else "mutating").inc()
        retry_after = self._retry_after.setdefault(level.name, RetryAfter())
        retry_after.count_refusal(int(time.time()))
        return build_too_many_requests(retry_after.seconds)

    async def _wait(self, ticket: Ticket) -> bool:
        assert ticket.future is not None
        begin = monotonic()
        try:
            # Not asyncio.wait_for: it can lose a cancellation on Python 3.11.
            async with asyncio.timeout(self._max_wait_seconds):
                await ticket.future
        except TimeoutError:
            ticket.leave()
            seated = False
        else:
            seated = True
        ticket.waited = monotonic() - begin
        flow_metrics.observe_wait(ticket.schema.counts, ticket.waited, executes=seated)
        return seated

    def _estimate_seats(self, request: Request, info: RequestInfo, level: PriorityLevel) -> int:
        """Seats by the number of objects, for a list and for a watch that starts with all objects; else 1."""
        if info.name:
            return 1
        if info.verb == "watch":
            query = request.query
            if query.get("sendInitialEvents") != "true" and query.get("resourceVersion", "0") not in {
                "",
                "0",
            }:
                return 1
        count = self._count_objects(info.api_group, info.resource)
        return 1 if count is None else min(level.widest, count // _OBJECTS_PER_SEAT + 1)

    def _match(
        self, key: tuple[Any, ...], user: UserInfo, info: RequestInfo
    ) -> tuple[FlowSchema, PriorityLevel, str]:
        matching_schema = next(
            (flow_schema for flow_schema in self._schemas if flow_schema.matches(user, info)), None
        )
        schema = matching_schema or next(
            flow_schema for flow_schema in self._schemas if flow_schema.name == "catch-all"
        )
        flow = f"{schema.name}\0{schema.find_flow(user, info)}"
        if len(self._matches) >= _MAX_CACHED_MATCHES:
            self._matches.clear()
        match = self._matches[key] = schema, self._levels[schema.level], flow
        return match

    # following the objects

    def start(self) -> None:
        """Follow the objects and register the metrics."""
        REGISTRY.register(self)
        for reader in self._configuration.values():
            reader.on_change(lambda *_: self._schedule_rebuild())

    async def run(self) -> None:
        """Move seats between levels periodically."""
        while True:
            await asyncio.sleep(allocation.PERIOD_SECONDS)
            allocation.lend_seats(list(self._levels.values()), self._seats)

    def _schedule_rebuild(self) -> None:
        if self._building is None:
            self._building = asyncio.get_running_loop().call_soon(self._rebuild)

    def _rebuild(self) -> None:
        self._building = None
        self._build(
            self._list_objects(bootstrap_objects.LEVELS), self._list_objects(bootstrap_objects.SCHEMAS)
        )

    def _list_objects(self, plural: str) -> list[JsonObject]:
        """Return the stored objects and the mandatory ones that are not stored (yet)."""
        objects = self._configuration[plural].list()
        names = {obj["metadata"]["name"] for obj in objects}
        wanted = bootstrap_objects.MANDATORY if objects else None
        objects += [
            obj
            for kind, obj in bootstrap_objects.load_objects()
            if kind == plural
            and obj["metadata"]["name"] not in names
            and (wanted is None or obj["metadata"]["name"] in wanted)
        ]
        return objects

    def _build(self, levels: Sequence[JsonObject], schemas: Sequence[JsonObject]) -> None:
        before = self._levels
        self._levels = {}
        for obj in levels:
            name = obj["metadata"]["name"]
            known = before.get(name)
            if known is None:
                self._levels[name] = PriorityLevel(obj)
            else:
                known.update(obj)
                self._levels[name] = known
        counted = {schema.name: schema for schema in self._schemas}
        made = [FlowSchema(obj) for obj in schemas]
        for schema in made:
            old = counted.get(schema.name)
            if old is not None:
                schema.counts = old.counts
        # Schemas without their level are ignored.
        made = [schema for schema in made if schema.level in self._levels]
        self._schemas = sorted(made, key=lambda flow_schema: (flow_schema.precedence, flow_schema.name))
        self._matches.clear()
        allocation.distribute_shares(list(self._levels.values()), self._seats)
        for name, level in before.items():
            if name not in self._levels and level.waiting:
                # Requests that wait in a removed level run now.
                level.set_limit(1 << 30)

    # metrics

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics. prometheus-client calls it at each scrape."""
        return flow_metrics.collect(self._levels, self._schemas)


class _Seat:
    """A place under a fixed limit."""

    __slots__ = ("_counts", "_kind")

    def __init__(self, counts: list[int], kind: int) -> None:
        self._counts = counts
        self._kind = kind
        counts[kind] += 1

    def leave(self) -> None:
        if self._kind >= 0:
            self._counts[self._kind] -= 1
            self._kind = -1


class MaxInFlight:
    """Rejects reads and writes above their limits (0: no limit), except those of system:masters."""

    def __init__(self, reading: int, writing: int) -> None:
        self._limits = [reading, writing]
        self._running = [0, 0]

    async def enter(self, request: Request, user: UserInfo, info: RequestInfo) -> Response | None:
        """See FlowControl."""
        kind = 0 if info.verb in _READS else 1
        limit = self._limits[kind]
        if request.is_long or not limit:
            return None
        if self._running[kind] >= limit and _MASTERS not in user.groups:
            _DROPPED.labels("mutating" if kind else "readOnly").inc()
            return build_too_many_requests()
        request.seat = _Seat(self._running, kind)
        return None

    def start(self) -> None:
        """Nothing to follow."""

    async def run(self) -> None:
        """Nothing to do."""
        await asyncio.Event().wait()
