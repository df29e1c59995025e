"""The watch cache of one resource: the objects in key order and the recent changes."""

from __future__ import annotations

import logging
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import orjson

from kprov.kube.apiserver.cacher import keys
from kprov.kube.apiserver.cacher.entry import Entry, EntryDecoder, Event
from kprov.kube.apiserver.cacher.history import History
from kprov.kube.apiserver.cacher.watcher import Selection, Watcher
from kprov.kube.apiserver.storage.interface import Change, Stored
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource

log = logging.getLogger(__name__)

#: Called with (type, object) for each change, in order. Listeners share the object and must not change it.
Listener = Callable[[str, JsonObject], None]
#: The same without decoding the object.
EntryListener = Callable[[str, Entry], None]

#: An event and its object, which is None without listeners.
_Applied = tuple[Event, JsonObject | None]


class ResourceCache:
    """The Cacher fills and updates it; all others read it."""

    def __init__(
        self,
        resource: Resource,
        fields_of: Callable[[JsonObject], Mapping[str, str]] = lambda _: {},
        default: Callable[[JsonObject], None] = lambda _: None,
        folder: str = "",
        decoder: EntryDecoder | None = None,
    ) -> None:
        """fields_of, default, folder: of its Strategy; folder "" is the plural. decoder: None for Go's."""
        self.resource = resource
        self.prefix = keys.build_prefix(folder or resource.plural)
        self.decoder = decoder or EntryDecoder(resource, fields_of, default)
        #: It gets no more changes. Reads must not trust it.
        self.is_removed = False
        self.head = self.decoder.head
        self._entries: dict[str, Entry] = {}
        self._keys: list[str] = []
        self._history = History()
        #: The reason why a value cannot be read, by key. These keys have no entry.
        self.unreadable: dict[str, str] = {}
        #: The number of received changes.
        self.received = 0
        #: By selection, so that each selection is evaluated once.
        self._watchers: dict[Selection, dict[Watcher, None]] = {}
        self._listeners: list[Listener] = []
        self._entry_listeners: list[EntryListener] = []

    # reading

    def key(self, namespace: str, name: str) -> str:
        """Return an object's key in etcd."""
        return f"{self.prefix}{namespace}/{name}" if self.resource.namespaced else f"{self.prefix}{name}"

    def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def select(self, selection: Selection) -> Iterator[Entry]:
        """Return the matching entries in key order."""
        entries = self._entries
        for key in self._list_keys(selection.namespace):
            entry = entries[key]
            if selection.is_everything or selection.matches(entry):
                yield entry

    def has_no_more(self, key: str, namespace: str) -> bool:
        """Whether no entry of the namespace ("": of any) follows a key."""
        following = bisect_right(self._keys, key)
        if following == len(self._keys):
            return True
        within = f"{self.prefix}{namespace}/" if namespace and self.resource.namespaced else self.prefix
        return not self._keys[following].startswith(within)

    def count(self) -> int:
        return len(self._keys)

    def _list_keys(self, namespace: str) -> Iterator[str]:
        if not namespace or not self.resource.namespaced:
            return iter(self._keys)
        start = f"{self.prefix}{namespace}/"
        first = bisect_left(self._keys, start)
        return islice(self._keys, first, bisect_left(self._keys, start[:-1] + "0", first))

    def decode(self, entry: Entry) -> JsonObject:
        """Decode an entry to a new object."""
        obj: JsonObject = orjson.loads(self.head + entry.tail)
        return obj

    def get_shared(self, entry: Entry) -> Mapping[str, Any]:
        """Return the decoded object that all readers share. Do not change it."""
        if entry.shown is None:
            entry.shown = self.decode(entry)
        return entry.shown

    # watching

    @property
    def floor(self) -> int:
        """A watch cannot start from changes up to this revision."""
        return self._history.floor

    def find_history(self, revision: int) -> list[Event] | None:
        """Return the changes after a revision; None if some of them are no longer known."""
        return self._history.find(revision)

    def add_watcher(self, watcher: Watcher) -> None:
        self._watchers.setdefault(watcher.selection, {})[watcher] = None

    def remove_watcher(self, watcher: Watcher) -> None:
        same = self._watchers.get(watcher.selection, {})
        if same.pop(watcher, False) is None and not same:
            del self._watchers[watcher.selection]

    def list_watchers(self) -> list[Watcher]:
        return [watcher for same in self._watchers.values() for watcher in same]

    def add_listener(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def add_entry_listener(self, listener: EntryListener) -> None:
        """Call a listener with (type, entry) for each change, in order. The entry is not decoded."""
        self._entry_listeners.append(listener)

    # filling

    def decode_ahead(self, stored: Stored) -> Entry | None:
        """Decode a value for `replace`. None: `replace` looks at it."""
        if stored.error:
            return None
        try:
            return self._decode_entry(stored)[0]
        except ValueError:
            return None

    def replace(
        self, stored: list[Stored], revision: int, decoded: Mapping[str, Entry | None] | None = None
    ) -> None:
        """Replace the whole state. decoded: the results of `decode_ahead`, by key.

        End all watches, because the changes in between are unknown. Notify listeners of the differences.
        """
        old = self._entries
        self._entries = {}
        self.unreadable = {item.key: item.error for item in stored if item.error}
        for item in stored:
            if item.error:
                continue
            known = old.get(item.key)
            if known is not None and known.revision == item.revision:
                self._entries[item.key] = known
                continue
            if decoded is not None and (ahead := decoded.get(item.key)) is not None:
                self._entries[item.key] = ahead
                continue
            try:
                self._entries[item.key], _ = self._decode_entry(item)
            except ValueError as error:
                log.warning("the value of %s in etcd is not an object: %s", item.key, error)
                self.unreadable[item.key] = str(error)
        self._keys = sorted(self._entries)
        self._history.clear(revision)
        for watcher in self.list_watchers():
            self.remove_watcher(watcher)
            watcher.sink.end("The resourceVersion for the provided watch is too old.")
        if self._listeners or self._entry_listeners:
            self._notify_differences(old)

    def _notify_differences(self, old: Mapping[str, Entry]) -> None:
        for key, entry in old.items():
            if key not in self._entries:
                self._notify("DELETED", entry, self._find_last_object(entry))
        for key, entry in self._entries.items():
            before = old.get(key)
            if before is not entry:
                obj = self.decode(entry) if self._listeners else None
                self._notify("MODIFIED" if before else "ADDED", entry, obj)

    def apply(self, change: Change) -> None:
        """Apply one change of etcd's watch and send it to watchers and listeners."""
        if change.error:
            self._drop_unreadable(change)
            return
        self.unreadable.pop(change.key, None)
        previous = self._entries.get(change.key)
        if change.value is None:
            applied = self._apply_deletion(change, previous)
        else:
            applied = self._apply_write(change, change.value, previous)
        if applied is None:
            return
        event, obj = applied
        self._history.append(event)
        for selection, watchers in self._watchers.items():
            if type_ := selection.find_event_type(event):
                for watcher in watchers:
                    if event.revision > watcher.after:
                        watcher.sink.send_event(event, type_)
        self._notify(event.type, event.entry, obj)

    def _apply_deletion(self, change: Change, previous: Entry | None) -> _Applied | None:
        if previous is None:
            return None
        del self._entries[change.key]
        del self._keys[bisect_left(self._keys, change.key)]
        event = Event("DELETED", self.head, previous.at_revision(change.revision), previous)
        return event, self._find_last_object(event.entry)

    def _apply_write(self, change: Change, value: bytes, previous: Entry | None) -> _Applied | None:
        """None for a change that the cache already has, and for a value that is not an object."""
        if previous is not None and previous.revision >= change.revision:
            return None
        try:
            entry, obj = self._decode_entry(Stored(change.key, value, change.revision))
        except ValueError as error:
            log.warning("the value of %s in etcd is not an object: %s", change.key, error)
            self._drop_unreadable(replace(change, error=str(error)))
            return None
        self._entries[change.key] = entry
        if previous is None:
            insort(self._keys, change.key)
        return Event("MODIFIED" if previous else "ADDED", self.head, entry, previous), obj

    def _drop_unreadable(self, change: Change) -> None:
        """Remove an entry whose new value cannot be read, without an event: its state is unknown."""
        self.unreadable[change.key] = change.error
        if self._entries.pop(change.key, None) is not None:
            del self._keys[bisect_left(self._keys, change.key)]

    def _decode_entry(self, stored: Stored) -> tuple[Entry, JsonObject | None]:
        """Return the entry, and its object if there are listeners."""
        entry = self.decoder.decode_entry(stored.key, stored.value, stored.revision)
        if not self._listeners:
            return entry, None
        obj = self.decode(entry)
        self.decoder.set_selected(entry, obj)
        return entry, obj

    def _find_last_object(self, entry: Entry) -> JsonObject | None:
        """Return the last object of a deleted entry; None without listeners or if it is unreadable."""
        if not self._listeners:
            return None
        try:
            return self.decode(entry)
        except ValueError as error:
            log.warning("the value of %s in etcd is not an object: %s", entry.key, error)
            return None

    def _notify(self, type_: str, entry: Entry, obj: JsonObject | None) -> None:
        """obj: the decoded entry, None without listeners or if it is unreadable."""
        for entry_listener in self._entry_listeners:
            entry_listener(type_, entry)
        if obj is not None:
            for listener in self._listeners:
                listener(type_, obj)
