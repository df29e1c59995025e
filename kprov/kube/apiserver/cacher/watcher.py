"""One watch on a cache: what it selects, and where its events go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from kprov.kube.apiserver.cacher.entry import Entry, Event
from kprov.kube.machinery.selectors import FieldSelector, LabelSelector


@dataclass(frozen=True, slots=True)
class Selection:
    """What a list or a watch wants: a namespace ("": all), labels and fields (None: any)."""

    namespace: str = ""
    labels: LabelSelector | None = None
    fields: FieldSelector | None = None

    @property
    def is_everything(self) -> bool:
        """Whether only the namespace matters."""
        return self.labels is None and self.fields is None

    def matches(self, entry: Entry) -> bool:
        if self.namespace and entry.namespace != self.namespace:
            return False
        if self.labels is not None and not self.labels.matches(entry.labels):
            return False
        return self.fields is None or self.fields.matches(entry.fields)

    def find_event_type(self, event: Event) -> str:
        """The event's type in these terms, "" for none: an object that begins to match is ADDED."""
        before = event.previous is not None and self.matches(event.previous)
        if event.type != "DELETED" and self.matches(event.entry):
            return "MODIFIED" if before else "ADDED"
        return "DELETED" if before else ""


class Sink(Protocol):
    """Where a watch's events go. Neither call may block; both come on the event loop, in order."""

    def send_event(self, event: Event, type_: str) -> None:
        """One event, in the type it has for this watcher."""

    def send_bookmark(self, revision: int) -> None:
        """Everything up to that revision has been sent."""

    def end(self, expired: str) -> None:
        """No more will come. `expired`: text of a 410, "" for a quiet end."""


@dataclass(slots=True, eq=False)
class Watcher:
    selection: Selection
    sink: Sink
    bookmarks: bool = False
    #: Events up to here have been sent already, or are not wanted.
    after: int = field(default=0)

    def offer(self, event: Event) -> None:
        """Pass the event on in this watcher's terms."""
        if event.revision > self.after and (type_ := self.selection.find_event_type(event)):
            self.sink.send_event(event, type_)
