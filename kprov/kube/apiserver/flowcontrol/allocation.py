"""The seats of each priority level: its share, and seats borrowed from other levels.

Source: apiserver/pkg/util/flowcontrol/{apf_controller,conc_alloc}.go; demand is the high-water
mark of a period, smoothed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.flowcontrol.level import PriorityLevel

#: The period of borrowing, and the weight of the old demand in the smoothed one.
PERIOD_SECONDS: Final = 10.0
_STAYS: Final = 0.8


def distribute_shares(levels: Sequence[PriorityLevel], seats: int) -> None:
    """Set the nominal seats by the levels' shares, without borrowing."""
    total = sum(level.shares for level in levels)
    for level in levels:
        level.set_nominal(seats, total)


def lend_seats(levels: Sequence[PriorityLevel], seats: int) -> None:
    """Assign seats by demand, within the minimum that a level keeps and the maximum that it may borrow."""
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
    """Parts in proportion to `wanted`, each within its bounds; their sum is `total` if possible."""

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
