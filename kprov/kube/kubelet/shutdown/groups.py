"""Which pods are ended together at a shutdown, and how long each group gets."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kprov.kube.kubelet.pods.pod_queries import Pod

_DEFAULT_PRIORITY: Final = 0
_SYSTEM_CRITICAL_PRIORITY: Final = 2_000_000_000


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Pods of this priority up to the next period's get so many seconds to end."""

    priority: int
    seconds: int


def periods(total: float, critical: float, by_priority: Sequence[Period] = ()) -> list[Period]:
    """The periods in the order in which groups are ended; empty: graceful shutdown is off.

    ``total`` and ``critical`` are shutdownGracePeriod and shutdownGracePeriodCriticalPods in seconds. They
    are used when ``by_priority`` is empty.
    """
    if by_priority:
        return sorted(by_priority)
    if not total or critical > total:
        return []
    return [
        Period(_DEFAULT_PRIORITY, int(total - critical)),
        Period(_SYSTEM_CRITICAL_PRIORITY, int(critical)),
    ]


def group(schedule: Sequence[Period], active: Sequence[Pod]) -> list[tuple[Period, list[Pod]]]:
    """Pods by period. Those below the lowest priority belong to the first one."""
    priorities = [period.priority for period in schedule]
    result: list[tuple[Period, list[Pod]]] = [(period, []) for period in schedule]
    for pod in active:
        priority = int(pod["spec"].get("priority") or 0)
        index = bisect_left(priorities, priority)
        if index == len(priorities) or (index > 0 and priorities[index] > priority):
            index -= 1
        result[index][1].append(pod)
    return result
