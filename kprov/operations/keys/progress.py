"""What the journal of a rotation or a renewal of keys knows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from kprov.operations.phases import Memory
from kprov.operations.progress import Progress

_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class RotationProgress(Progress):
    """`replaces` identifies the key or authority that the rotation replaces. When it is gone, all is done."""

    key: ClassVar[str] = "rotation"

    replaces: str = ""


@dataclass(frozen=True)
class RenewalProgress(Progress):
    """`since` is when the renewal began: older certificates are issued again."""

    key: ClassVar[str] = "renewal"

    since: dt.datetime = _NEVER
    distributed: bool = False


def remember_replaced(memory: Memory, identify: Callable[[], str]) -> None:
    """Store what a rotation replaces when it begins. A resumed rotation keeps it."""
    if RotationProgress.find(memory) is None:
        RotationProgress(identify()).store(memory)
