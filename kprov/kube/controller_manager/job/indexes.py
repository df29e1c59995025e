"""Sets of completion indexes as ranges: status.completedIndexes and failedIndexes, such as "1,3-5"."""

import bisect
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexRanges:
    """Ranges (first, last) in increasing order. Neither do they overlap nor touch."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, indexes: Iterable[int]) -> Self:
        return cls(_join((index, index) for index in sorted(indexes)))

    @classmethod
    def parse(cls, text: str, completions: int) -> Self:
        """Parse "1,3-5" without the indexes that are not below `completions`. Ignores malformed ranges."""
        return cls(_join(_parse_ranges(text, completions)))

    def merge(self, other: "IndexRanges") -> "IndexRanges":
        return IndexRanges(_join(sorted((*self.ranges, *other.ranges))))

    def count_common(self, other: "IndexRanges") -> int:
        """How many indexes both sets have."""
        total = mine = theirs = 0
        while mine < len(self.ranges) and theirs < len(other.ranges):
            (first, last), (other_first, other_last) = self.ranges[mine], other.ranges[theirs]
            total += max(0, min(last, other_last) - max(first, other_first) + 1)
            if last <= other_last:
                mine += 1
            if other_last <= last:
                theirs += 1
        return total

    def find_missing(self, count: int, completions: int) -> list[int]:
        """Return the lowest `count` indexes below `completions` that are not in the set."""
        indexes: list[int] = []
        candidate = 0
        for first, last in (*self.ranges, (completions, completions)):
            stop = min(first, completions, candidate + count - len(indexes))
            indexes.extend(range(candidate, stop))
            candidate = max(candidate, last + 1)
        return indexes

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __contains__(self, index: int) -> bool:
        at = bisect.bisect_left(self.ranges, index, key=lambda bounds: bounds[1])
        return at < len(self.ranges) and self.ranges[at][0] <= index

    def __str__(self) -> str:
        """Return the form of the status: "0,1", "0-2"."""
        return ",".join(
            str(first) if first == last else f"{first}{',' if last == first + 1 else '-'}{last}"
            for first, last in self.ranges
        )


def _parse_ranges(text: str, completions: int) -> Iterator[tuple[int, int]]:
    for part in text.split(",") if text else ():
        low, dash, high = part.partition("-")
        try:
            first = int(low)
            last = min(int(high), completions - 1) if dash else first
        except ValueError:
            log.info("ignoring malformed range %r of completion indexes", part)
            continue
        if first >= completions:
            return
        yield first, last


def _join(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Join ranges that overlap or touch. They come in the order of their first index."""
    joined: list[tuple[int, int]] = []
    for first, last in ranges:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)
