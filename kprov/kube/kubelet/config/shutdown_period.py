"""An entry of shutdownGracePeriodByPodPriority."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ShutdownPeriod:
    """Pods from this priority up to the next period's get `seconds` to end."""

    priority: int
    seconds: int
