"""What was written against what each watch gave: values in, complaints out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

#: The type of the watch event of each operation.
TYPES: Final = {"create": "ADDED", "update": "MODIFIED", "delete": "DELETED"}

#: Objects by name: the token of the write that made them what they are, and their resourceVersion.
State = Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Write:
    """A write that was tried. `token`: new with each, in the object; a deletion has that of what it deleted."""

    operation: Literal["create", "update", "delete"]
    name: str
    token: str
    #: True: acknowledged, or found done; False: found not done. A refusal is no Write.
    done: bool
    #: Of a write that was acknowledged with one, else 0.
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    type: str
    name: str
    token: str
    revision: int


@dataclass
class Stretch:
    """What one watcher saw without having to list again: the state it began with, and each event after it."""

    after: int
    state: State
    events: list[Event] = field(default_factory=list)
    #: Everything up to here is there: of the last event or bookmark.
    until: int = 0


@dataclass
class Seen:
    """All of one watcher."""

    watcher: str
    stretches: list[Stretch] = field(default_factory=list)


def complaints(writes: Iterable[Write], seen: Iterable[Seen], last: State, revision: int) -> list[str]:
    """Sentences on what does not fit; `last` and `revision`: a consistent list after all writes."""
    seen = list(seen)
    found: list[str] = []
    history: dict[int, Event] = {}
    for one in seen:
        for stretch in one.stretches:
            for event in stretch.events:
                known = history.setdefault(event.revision, event)
                if known != event:
                    found.append(f"{one.watcher}: {event} is {known} to another")
    found += _unexplained(list(writes), history)
    ordered = [history[number] for number in sorted(history)]
    for one in seen:
        for stretch in one.stretches:
            found += [f"{one.watcher}: {text}" for text in _in_stretch(stretch, ordered)]
        final = one.stretches[-1]
        if final.until < revision:
            found.append(f"{one.watcher} ended at {final.until}, before {revision}")
        elif _replayed(final, revision) != dict(last):
            found.append(f"{one.watcher}: its last state is not the list's")
    return found


def _unexplained(writes: list[Write], history: Mapping[int, Event]) -> list[str]:
    """Each write that was done is one event, and each event a write that was done."""
    found = []
    events: dict[tuple[str, str, str], list[int]] = {}
    for event in history.values():
        events.setdefault((event.type, event.name, event.token), []).append(event.revision)
    for write in writes:
        revisions = events.pop((TYPES[write.operation], write.name, write.token), [])
        if len(revisions) != write.done:
            found.append(f"{write} has events at {revisions}")
        elif revisions and write.revision not in {0, revisions[0]}:
            found.append(f"{write} has its event at {revisions[0]}")
    return [*found, *(f"no write explains {event}" for event in events)]


def _in_stretch(stretch: Stretch, ordered: list[Event]) -> list[str]:
    found = []
    revisions = [stretch.after, *(event.revision for event in stretch.events)]
    for earlier, later in itertools.pairwise(revisions):
        if later <= earlier:
            found.append(f"{later} came after {earlier}")
    until = max(stretch.until, *revisions)
    missing = [
        event for event in ordered if stretch.after < event.revision <= until and event not in stretch.events
    ]
    found += [f"did not see {event}" for event in missing]
    before = Stretch(0, {}, ordered)
    if ordered and dict(stretch.state) != _replayed(before, stretch.after):
        found.append(f"what it began with at {stretch.after} is not what stood there")
    return found


def _replayed(stretch: Stretch, until: int) -> dict[str, tuple[str, int]]:
    state = dict(stretch.state)
    for event in stretch.events:
        if event.revision > until:
            break
        if event.type == "DELETED":
            state.pop(event.name, None)
        else:
            state[event.name] = event.token, event.revision
    return state
