"""How far back a watch can start."""

from __future__ import annotations

from kprov.kube.apiserver.cacher import history
from kprov.kube.apiserver.cacher.entry import Entry, EntryDecoder, Event
from kprov.kube.apiserver.cacher.history import History
from kprov.kube.machinery import resources

_PODS = resources.find("", "v1", "pods")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def make_event(revision: int, size: int = 10) -> Event:
    assert _PODS is not None
    decoder = EntryDecoder(_PODS, lambda _: {}, lambda _: None)
    return Event("MODIFIED", b"", Entry("/registry/pods/a/b", "a", "b", b"x" * size, revision, decoder), None)


def fill(kept: History, count: int, size: int = 10) -> int:
    """Add events with the revisions 1 to count. Return how many of them are kept."""
    for revision in range(1, count + 1):
        kept.append(make_event(revision, size))
    found = kept.find(kept.floor)
    assert found is not None
    assert [event.revision for event in found] == list(range(kept.floor + 1, count + 1))
    return len(found)


def test_events_that_come_fast_are_kept_for_75_seconds() -> None:
    clock = Clock()
    kept = History(clock)
    assert fill(kept, 10_000) == 10_000
    clock.now = history.FRESH_SECONDS + 1
    kept.append(make_event(10_001))
    assert kept.floor == 10_001 - history.AGELESS_EVENTS


def test_old_events_are_kept_while_they_are_few() -> None:
    clock = Clock()
    kept = History(clock)
    fill(kept, history.AGELESS_EVENTS)
    clock.now = 1e6
    assert kept.find(0) is not None


def test_no_more_events_are_kept_than_upstream_keeps() -> None:
    assert fill(History(Clock()), history.MAX_EVENTS + 5) == history.MAX_EVENTS


def test_the_size_of_the_kept_objects_is_bounded() -> None:
    assert fill(History(Clock()), 1_000, size=100_000) == history.MAX_BYTES // 100_000


def test_some_events_are_kept_whatever_their_size_is() -> None:
    assert fill(History(Clock()), 300, size=1_000_000) == history.MIN_EVENTS


def test_a_revision_before_the_window_is_too_old() -> None:
    kept = History(Clock())
    fill(kept, 300, size=1_000_000)
    assert kept.find(kept.floor - 1) is None
    kept.clear(500)
    assert (kept.find(499), kept.find(500)) == (None, [])
