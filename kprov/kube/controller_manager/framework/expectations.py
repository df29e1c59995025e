"""What a controller has asked for and not yet seen in its informer (ControllerExpectations).

Without it a sync on a copy that is a moment old would create or delete the same pods twice.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

# After this long a missed event is taken for granted (ExpectationsTimeout).
TIMEOUT_SECONDS: Final = 300.0


@dataclass
class _Expected:
    creations: int = 0
    deletions: set[str] = field(default_factory=set)
    since: float = field(default_factory=time.monotonic)


class Expectations:
    """Per owner key: how many creations and the UIDs of which deletions are still to be observed."""

    def __init__(self) -> None:
        self._expected: dict[str, _Expected] = {}

    def are_satisfied(self, key: str) -> bool:
        """Whether the owner may be synced: everything was seen, or it was waited for long enough."""
        expected = self._expected.get(key)
        if expected is None:
            return True
        seen = expected.creations <= 0 and not expected.deletions
        return seen or time.monotonic() - expected.since > TIMEOUT_SECONDS

    def expect(self, key: str, *, creations: int, deletions: Iterable[str]) -> None:
        """Both at once, for a sync that makes and deletes."""
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
