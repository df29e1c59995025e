"""The records of rotations and renewals, also those of the last release."""

from __future__ import annotations

import datetime as dt

from kprov.operations.keys.progress import RenewalProgress, RotationProgress, remember_replaced
from kprov.operations.phases import Memory


def test_a_resumed_rotation_replaces_what_it_began_with() -> None:
    memory = Memory({})
    remember_replaced(memory, lambda: "old")
    remember_replaced(memory, lambda: "new")
    assert RotationProgress.read(memory).replaces == "old"


def test_a_rotation_of_the_last_release_is_continued() -> None:
    memory = Memory({"replaces": "old"})
    remember_replaced(memory, lambda: "new")
    assert RotationProgress.read(memory).replaces == "old"


def test_a_renewal_keeps_its_time() -> None:
    since = dt.datetime(2026, 5, 1, 12, 0, 1, tzinfo=dt.UTC)
    memory = Memory({})
    RenewalProgress(since).store(memory)
    assert RenewalProgress.find(memory) == RenewalProgress(since, distributed=False)


def test_a_renewal_of_the_last_release_is_continued() -> None:
    memory = Memory({"since": "2026-05-01T12:00:01+00:00", "distributed": True})
    since = dt.datetime(2026, 5, 1, 12, 0, 1, tzinfo=dt.UTC)
    assert RenewalProgress.find(memory) == RenewalProgress(since, distributed=True)
