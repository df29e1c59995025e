"""PrioritySort: pods of a higher priority are tried first, among equals the one that waits longest."""

from __future__ import annotations

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.framework.plugin import Plugin, SortKey, get_priority_key


class PrioritySort(Plugin):
    name = "PrioritySort"

    def get_sort_key(self, pod: Pod, timestamp: float) -> SortKey:
        return get_priority_key(pod, timestamp)
