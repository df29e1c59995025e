"""How many seats each priority level has: its share, and what others lend it.

Source: apiserver/pkg/util/flowcontrol/{apf_controller,conc_alloc}.go; demand is taken as the period's high
water mark, which falls slowly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.flowcontrol.level import PriorityLevel

#: How often seats are lent and taken back, and how much of an old demand stays each time.
PERIOD_SECONDS: Final = 10.0
_STAYS: Final = 0.8


def distribute_shares(levels: Sequence[PriorityLevel], seats: int) -> None:
    """By the levels' shares, forgetting what was lent."""
    total = sum(level.shares for level in levels)
    for level in levels:
        level.set_nominal(seats, total)


def lend_seats(levels: Sequence[PriorityLevel], seats: int) -> None:
    """Give seats where they were asked for, between what each level keeps and what it may borrow."""
    limited = [level for level in levels if not level.is_exempt]
    wanted = []
    for level in limited:
        level.smooth = max(float(level.demand), level.smooth * _STAYS)
        level.demand = level.in_use
        wanted.append(max(level.smooth, float(level.least), 0.001))
    total = min(sum(level.nominal for level in limited), max(seats, 1))
    granted = allocate_fairly(
        wanted, [float(level.least) for level in limited], [float(level.most) for level in limited], total
    )
    for level, limit in zip(limited, granted, strict=True):
        level.set_limit(max(round(limit), min(level.nominal, 1)))


def allocate_fairly(
    wanted: Sequence[float], least: Sequence[float], most: Sequence[float], total: float
) -> list[float]:
    """Parts in proportion to what is wanted, each within its bounds, with the sum `total` if bounds allow."""

    def parts(factor: float) -> list[float]:
        return [
            min(max(factor * want, low), high) for want, low, high in zip(wanted, least, most, strict=True)
        ]

    low, high = 0.0, max((bound / want for bound, want in zip(most, wanted, strict=True)), default=1.0)
    for _ in range(60):
        middle = (low + high) / 2
        if sum(parts(middle)) < total:
            low = middle
        else:
            high = middle
    return parts(high)
