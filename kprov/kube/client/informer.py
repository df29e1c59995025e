"""A local copy of one resource, updated by list and watch (client-go's shared informer)."""

import asyncio
import builtins
import contextlib
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec

from kprov.kube.api.meta import ResourceVersion
from kprov.kube.client.errors import ApiError, TransportError
from kprov.kube.client.resource import Bookmark, ResourceClient, WatchEvent
from kprov.kube.client.store import IndexFunction, Store, key_of, resource_version_of
from kprov.kube.component_base.backoff import Backoff

log = logging.getLogger(__name__)

Object = TypeVar("Object")

# Watches end after 5 to 10 minutes, so that clients spread over restarted servers again.
_WATCH_SECONDS: Final = 300
# After a watch that ends sooner the informer waits before the next.
_SHORT_WATCH_SECONDS: Final = 5.0
# Responses of servers that do not know sendInitialEvents, or forbid it.
_NO_STREAMS: Final = frozenset({400, 405, 415, 422})
#: A list at this version may come from the server's cache.
_ANY_VERSION: Final = ResourceVersion("0")


@dataclass(frozen=True, slots=True)
class Handler(Generic[Object]):
    """Functions that are called in the order of the changes, in the event loop. They must return quickly."""

    on_add: Callable[[Object], None] | None = None
    on_update: Callable[[Object, Object], None] | None = None
    on_delete: Callable[[Object], None] | None = None


class Informer(Generic[Object]):
    """Lists, then watches. After a broken watch it goes on from the last resource version."""

    def __init__(
        self,
        resource: ResourceClient[Object],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        indexers: Mapping[str, IndexFunction] | None = None,
        transform: Callable[[Object], Object] | None = None,
        streams: bool = False,
    ) -> None:
        """transform: called with every object that the server sends; store and handlers get its result.

        streams: begin with a watch that sends all objects one by one, so that they are never in memory as one
        response. Servers that cannot do that are asked for a list.
        """
        self.resource = resource
        self._transform = transform
        self._streams = streams
        self.store: Store[Object] = Store()
        self.store.add_indexers(indexers or {})
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._handlers: list[Handler[Object]] = []
        self._synced = asyncio.Event()
        self._version = ResourceVersion("")
        self._applied_version = ResourceVersion("")
        # Resource version of the next list: "0" accepts any cached state, None asks for the newest.
        self._list_version: ResourceVersion | None = _ANY_VERSION

    @property
    def has_synced(self) -> bool:
        """The first list is in the store and its handlers have run."""
        return self._synced.is_set()

    @property
    def applied_version(self) -> ResourceVersion:
        """The handlers have seen all changes up to this resource version. "": the first list is under way."""
        return self._applied_version

    def add_handler(
        self,
        *,
        on_add: Callable[[Object], None] | None = None,
        on_update: Callable[[Object, Object], None] | None = None,
        on_delete: Callable[[Object], None] | None = None,
    ) -> None:
        """`on_update(old, new)`. `on_add` gets the objects that are in the store already."""
        handler = Handler(on_add, on_update, on_delete)
        self._handlers.append(handler)
        for obj in self.store:
            _call(handler.on_add, obj)

    def add_indexers(self, indexers: Mapping[str, IndexFunction]) -> None:
        self.store.add_indexers(indexers)

    def get(self, namespace: str | None, name: str) -> Object | None:
        return self.store.get(namespace, name)

    def list(self, namespace: str | None = None) -> builtins.list[Object]:
        return self.store.list(namespace)

    def by_index(self, index: str, value: str) -> builtins.list[Object]:
        return self.store.by_index(index, value)

    def with_labels(self, namespace: str, labels: Mapping[str, str]) -> builtins.list[Object]:
        """Return the objects of the namespace that have all these labels. They need views of metadata."""
        return self.store.with_labels(namespace, labels)

    async def wait_for_sync(self) -> None:
        await self._synced.wait()

    async def run(self) -> None:
        """List and watch until cancelled."""
        backoff = Backoff(initial=0.4, maximum=8.0, jitter=0.5, reset_after=30.0)
        where = self.resource.path(self._namespace)
        failing = False
        while True:
            start = time.monotonic()
            try:
                if not self._version and not self._streams:
                    await self._relist()
                    failing = False
                await self._watch()
                failing = False
            except ApiError as error:
                if self._streams and not self._version and error.code in _NO_STREAMS:
                    self._streams = False
                    continue
                if error.is_expired:
                    log.info("watch of %s is too old, listing again", where)
                    self._version, self._list_version = ResourceVersion(""), None
                else:
                    log.warning("%s: %s", where, error)
            except TransportError as error:
                # A server that is away for a minute fails fifty informers: each logs one warning.
                again = failing and time.monotonic() - start < _SHORT_WATCH_SECONDS
                log.log(logging.DEBUG if again else logging.WARNING, "%s", error)
                failing = True
                await asyncio.sleep(backoff.next())
                continue
            except (msgspec.MsgspecError, ValueError):
                log.exception("%s: malformed response", where)
                self._version = ResourceVersion("")
            if time.monotonic() - start < _SHORT_WATCH_SECONDS:
                await asyncio.sleep(backoff.next())
            else:
                await asyncio.sleep(random.random() * 0.1)  # noqa: S311  spreads reconnects

    async def _relist(self) -> None:
        try:
            answer = await self.resource.list(
                self._namespace,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
                resource_version=self._list_version,
            )
        except ApiError as error:
            if error.is_expired:
                self._list_version = None
            raise
        listed = {key_of(obj): obj for obj in answer.items or []}
        self._remove_missing(listed)
        for obj in listed.values():
            self._put(obj)
        self._version = self._applied_version = answer.resource_version
        self._list_version = answer.resource_version or _ANY_VERSION
        self._synced.set()

    def _remove_missing(self, keys: Collection[tuple[str, str]]) -> None:
        """Remove the objects that a new list does not have."""
        for key in self.store.all_keys():
            if key not in keys:
                self._remove(*key, None)

    async def _watch(self) -> None:
        """Follow the changes after the last version. Without one, get all objects first."""
        seconds = _WATCH_SECONDS + random.randrange(_WATCH_SECONDS)  # noqa: S311  spreading load
        listed: set[tuple[str, str]] | None = None if self._version else set()
        events = self.resource.watch(
            self._namespace,
            resource_version=self._version,
            timeout_seconds=seconds,
            bookmarks=True,
            initial_events=listed is not None,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
        )
        async with contextlib.aclosing(events):
            async for event in events:
                if listed is not None:
                    listed = self._apply_initial(event, listed)
                elif isinstance(event, Bookmark):
                    self._set_version(event.resource_version)
                else:
                    self._apply(event)
                    self._set_version(resource_version_of(event.object))

    def _apply_initial(
        self, event: WatchEvent[Object] | Bookmark, listed: set[tuple[str, str]]
    ) -> set[tuple[str, str]] | None:
        """Add an initial event to `listed`. None: it was the last one."""
        if isinstance(event, WatchEvent):
            self._apply(event)
            if event.type == "DELETED":
                listed.discard(key_of(event.object))
            else:
                listed.add(key_of(event.object))
            return listed
        if not event.ends_initial_events:
            return listed
        self._remove_missing(listed)
        self._set_version(event.resource_version)
        self._synced.set()
        return None

    def _set_version(self, version: ResourceVersion) -> None:
        if version:
            self._version = self._list_version = self._applied_version = version

    def _apply(self, event: WatchEvent[Object]) -> None:
        if event.type in {"ADDED", "MODIFIED"}:
            self._put(event.object)
        elif event.type == "DELETED":
            self._remove(*key_of(event.object), event.object)

    def _put(self, obj: Object) -> None:
        if self._transform is not None:
            obj = self._transform(obj)
        old = self.store.put(obj)
        if old is None:
            for handler in self._handlers:
                _call(handler.on_add, obj)
        elif resource_version_of(old) != resource_version_of(obj):
            for handler in self._handlers:
                _call(handler.on_update, old, obj)

    def _remove(self, namespace: str, name: str, last: Object | None) -> None:
        """Handlers get the last state: the server's, or the store's if the watch missed the deletion."""
        old = self.store.remove(namespace, name)
        if last is not None and self._transform is not None:
            last = self._transform(last)
        final = last if last is not None else old
        if old is not None and final is not None:
            for handler in self._handlers:
                _call(handler.on_delete, final)


def _call(function: Callable[..., None] | None, *arguments: Any) -> None:
    if function is not None:
        try:
            function(*arguments)
        except Exception:
            log.exception("handler %r failed", function)
