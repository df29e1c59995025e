"""One watch on a cache: its selection and the sink of its events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from kprov.kube.apiserver.cacher.entry import Entry, Event
from kprov.kube.machinery.selectors import FieldSelector, LabelSelector


@dataclass(frozen=True, slots=True)
class Selection:
    """The selection of a list or a watch: a namespace ("": all), labels and fields (None: any)."""

    namespace: str = ""
    labels: LabelSelector | None = None
    fields: FieldSelector | None = None

    @property
    def is_everything(self) -> bool:
        """Whether it selects all objects of the namespace."""
        return self.labels is None and self.fields is None

    def matches(self, entry: Entry) -> bool:
        if self.namespace and entry.namespace != self.namespace:
            return False
        if self.labels is not None and not self.labels.matches(entry.labels):
            return False
        return self.fields is None or self.fields.matches(entry.fields)

    def find_event_type(self, event: Event) -> str:
        """Return the type of the event for this selection, "" for none.

        An object that starts to match is ADDED.
        """
        before = event.previous is not None and self.matches(event.previous)
        if event.type != "DELETED" and self.matches(event.entry):
            return "MODIFIED" if before else "ADDED"
        return "DELETED" if before else ""


class Sink(Protocol):
    """Receives the events of a watch in order, on the event loop. The methods must not block."""

    def send_event(self, event: Event, type_: str) -> None:
        """Send one event with its type for this watcher."""

    def send_bookmark(self, revision: int) -> None:
        """Send a bookmark: all changes up to the revision were sent."""

    def end(self, expired: str) -> None:
        """End the watch. expired: the text of a 410, "" for an end without an error."""


@dataclass(slots=True, eq=False)
class Watcher:
    selection: Selection
    sink: Sink
    bookmarks: bool = False
    #: The watcher gets events after this revision only.
    after: int = field(default=0)

    def offer(self, event: Event) -> None:
        """Send the event if the watcher selects it."""
        if event.revision > self.after and (type_ := self.selection.find_event_type(event)):
            self.sink.send_event(event, type_)
