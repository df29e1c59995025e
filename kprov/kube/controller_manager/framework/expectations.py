"""Creations and deletions that the informer has not shown yet (ControllerExpectations).

Without it a sync on a copy that is a moment old would create or delete the same pods twice.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

# Seconds until expectations expire, in case an event was missed (ExpectationsTimeout).
TIMEOUT_SECONDS: Final = 300.0


@dataclass
class _Expected:
    creations: int = 0
    deletions: set[str] = field(default_factory=set)
    since: float = field(default_factory=time.monotonic)


class Expectations:
    """For each owner key: the number of creations and the UIDs of deletions that are not observed yet."""

    def __init__(self) -> None:
        self._expected: dict[str, _Expected] = {}

    def are_satisfied(self, key: str) -> bool:
        """Whether the owner may be synced: all is observed, or the timeout has passed."""
        expected = self._expected.get(key)
        if expected is None:
            return True
        seen = expected.creations <= 0 and not expected.deletions
        return seen or time.monotonic() - expected.since > TIMEOUT_SECONDS

    def expect(self, key: str, *, creations: int, deletions: Iterable[str]) -> None:
        """Expect creations and deletions of one sync."""
        self._expected[key] = _Expected(creations=creations, deletions=set(deletions))

    def expect_creations(self, key: str, count: int) -> None:
        self._expected[key] = _Expected(creations=count)

    def expect_deletions(self, key: str, uids: Iterable[str]) -> None:
        self._expected[key] = _Expected(deletions=set(uids))

    def observe_creation(self, key: str, count: int = 1) -> None:
        if (expected := self._expected.get(key)) is not None:
            expected.creations -= count

    def observe_deletion(self, key: str, uid: str) -> None:
        if (expected := self._expected.get(key)) is not None:
            expected.deletions.discard(uid)

    def forget(self, key: str) -> None:
        self._expected.pop(key, None)
