"""Events about objects, aggregated and rate limited (client-go's recorder and correlator)."""

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from kprov.kube.api.core import ObjectReference
from kprov.kube.client.errors import ApiError, ClientError, TransportError
from kprov.kube.component_base.rate_limit import TokenBucket
from kprov.kube.component_base.tasks import start_background_task

if TYPE_CHECKING:
    from kprov.kube.client.rest import RestClient

log = logging.getLogger(__name__)

# EventCorrelatorOptions' defaults.
_CACHE_SIZE: Final = 4096
_SPAM_BURST: Final = 25
_SPAM_QPS: Final = 1 / 300
_SIMILAR_MAX: Final = 10
_SIMILAR_SECONDS: Final = 600
_PENDING_MAX: Final = 1000
_TRIES: Final = 12
_RETRY_SECONDS: Final = 10.0


def reference(obj: Any, api_version: str = "", kind: str = "", field_path: str = "") -> ObjectReference:
    """Return a reference to an object. kind: objects from lists and watches have none."""
    meta = obj.metadata
    return ObjectReference(
        api_version=api_version or obj.api_version,
        kind=kind or obj.kind or type(obj).__name__,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
        field_path=field_path,
    )


@dataclass(frozen=True)
class EventAction:
    """What the component did: name, such as "Binding", and the other object it is about, if there is one."""

    name: str = ""
    related: ObjectReference | None = None

    def to_document(self) -> dict[str, Any]:
        """Return the event's fields."""
        document: dict[str, Any] = {"action": self.name} if self.name else {}
        if self.related is not None:
            document["related"] = _to_document(self.related)
        return document


_NO_ACTION: Final = EventAction()
# About, kind, reason, message, action, time.
_PendingEvent = tuple[ObjectReference, str, str, str, EventAction, str]


@dataclass
class _SentEvent:
    name: str
    count: int


@dataclass
class _SimilarEvents:
    messages: set[str]
    since: float


class EventRecorder:
    """Sends events in the background, in order. Drops those that the server rejects or that are too many."""

    def __init__(self, client: "RestClient", *, component: str, host: str = "") -> None:
        self._client = client
        self._source = {"component": component} | ({"host": host} if host else {})
        self._component = component
        self._host = host
        self._sent: OrderedDict[tuple[str, ...], _SentEvent] = OrderedDict()
        self._similar: OrderedDict[tuple[str, ...], _SimilarEvents] = OrderedDict()
        self._buckets: OrderedDict[tuple[str, ...], TokenBucket] = OrderedDict()
        self._pending: asyncio.Queue[_PendingEvent] = asyncio.Queue(_PENDING_MAX)
        self._task: asyncio.Task[None] | None = None

    def event(
        self,
        about: ObjectReference,
        kind: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        action: EventAction = _NO_ACTION,
    ) -> None:
        """Queue an event. Never blocks and never raises. Call it in the event loop."""
        if self._task is None or self._task.done():
            self._task = start_background_task(self._send_pending(), "events")
        log.debug("event for %s %s/%s: %s %s", about.kind, about.namespace, about.name, reason, message)
        try:
            self._pending.put_nowait((about, kind, reason, message, action, _now()))
        except asyncio.QueueFull:
            log.warning("too many events, dropped: %s %s %s", about.name, reason, message)

    async def close(self) -> None:
        """Send pending events, for at most two seconds."""
        if self._task is None:
            return
        try:
            async with asyncio.timeout(2):
                await self._pending.join()
        except TimeoutError:
            pass
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _send_pending(self) -> None:
        while True:
            item = await self._pending.get()
            try:
                await self._send(*item)
            except Exception:
                log.exception("event could not be sent")
            finally:
                self._pending.task_done()

    async def _send(
        self, about: ObjectReference, kind: str, reason: str, message: str, action: EventAction, when: str
    ) -> None:
        spam = (about.kind, about.namespace, about.name, about.uid)
        bucket = _get_or_create(self._buckets, spam, lambda: TokenBucket(_SPAM_QPS, _SPAM_BURST))
        if not bucket.try_take():
            return
        group = (*spam, kind, reason)
        similar = _get_or_create(self._similar, group, lambda: _SimilarEvents(set(), time.monotonic()))
        if time.monotonic() - similar.since > _SIMILAR_SECONDS:
            similar.messages.clear()
        similar.since = time.monotonic()
        similar.messages.add(message)
        key: tuple[str, ...] = (*group, about.field_path, message)
        if len(similar.messages) > _SIMILAR_MAX:
            similar.messages.pop()
            message, key = f"(combined from similar events): {message}", group
        for _ in range(_TRIES):
            try:
                await self._write(key, self._build_event(about, kind, reason, message, action, when))
            except TransportError:
                await asyncio.sleep(_RETRY_SECONDS)
            except ClientError as error:
                log.warning("event for %s/%s rejected: %s", about.namespace, about.name, error)
                return
            else:
                return

    async def _write(self, key: tuple[str, ...], event: dict[str, Any]) -> None:
        path = f"/api/v1/namespaces/{event['metadata']['namespace']}/events"
        sent = self._sent.get(key)
        if sent is not None:
            change = {name: event[name] for name in ("lastTimestamp", "message")}
            change["count"] = sent.count + 1
            try:
                await self._client.request(
                    "PATCH",
                    f"{path}/{sent.name}",
                    body=orjson.dumps(change),
                    headers={"Content-Type": "application/merge-patch+json"},
                )
            except ApiError as error:
                # Events live for an hour: this one may be gone already.
                if not error.is_not_found:
                    raise
            else:
                sent.count += 1
                self._sent.move_to_end(key)
                return
        await self._client.request("POST", path, body=event)
        self._sent[key] = _SentEvent(event["metadata"]["name"], 1)
        while len(self._sent) > _CACHE_SIZE:
            self._sent.popitem(last=False)

    def _build_event(
        self, about: ObjectReference, kind: str, reason: str, message: str, action: EventAction, when: str
    ) -> dict[str, Any]:
        name = f"{about.name}.{time.time_ns():x}"
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": about.namespace or "default"},
            "involvedObject": _to_document(about),
            "reason": reason,
            "message": message[:1024],
            "type": kind,
            "source": self._source,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
            "firstTimestamp": when,
            "lastTimestamp": when,
            "count": 1,
            **action.to_document(),
        }


def _to_document(about: ObjectReference) -> dict[str, str]:
    fields = {
        "apiVersion": about.api_version,
        "kind": about.kind,
        "namespace": about.namespace,
        "name": about.name,
        "uid": about.uid,
        "resourceVersion": about.resource_version,
        "fieldPath": about.field_path,
    }
    return {field: value for field, value in fields.items() if value}


def _get_or_create(cache: OrderedDict[tuple[str, ...], Any], key: tuple[str, ...], make: Any) -> Any:
    if key not in cache:
        cache[key] = make()
        while len(cache) > _CACHE_SIZE:
            cache.popitem(last=False)
    cache.move_to_end(key)
    return cache[key]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
