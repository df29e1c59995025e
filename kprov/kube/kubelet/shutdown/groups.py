"""The order in which a shutdown ends pods, and the time that each group of pods gets."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.config.shutdown_period import ShutdownPeriod

_DEFAULT_PRIORITY: Final = 0
_SYSTEM_CRITICAL_PRIORITY: Final = 2_000_000_000


def make_schedule(
    total: float, critical: float, by_priority: Sequence[ShutdownPeriod] = ()
) -> list[ShutdownPeriod]:
    """Return the periods in the order in which pods are ended. Empty: graceful shutdown is off.

    `total` and `critical` are shutdownGracePeriod and shutdownGracePeriodCriticalPods in seconds. They
    are used when `by_priority` is empty.
    """
    if by_priority:
        return sorted(by_priority)
    if not total or critical > total:
        return []
    return [
        ShutdownPeriod(_DEFAULT_PRIORITY, int(total - critical)),
        ShutdownPeriod(_SYSTEM_CRITICAL_PRIORITY, int(critical)),
    ]


def group_pods(
    schedule: Sequence[ShutdownPeriod], pods: Sequence[Pod]
) -> list[tuple[ShutdownPeriod, list[Pod]]]:
    """Pods by period. Those below the lowest priority belong to the first one."""
    priorities = [period.priority for period in schedule]
    result: list[tuple[ShutdownPeriod, list[Pod]]] = [(period, []) for period in schedule]
    for pod in pods:
        priority = pod.spec.priority or 0
        index = bisect_left(priorities, priority)
        if index == len(priorities) or (index > 0 and priorities[index] > priority):
            index -= 1
        result[index][1].append(pod)
    return result
