"""Metrics of the attach-detach controller, under upstream's names."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from kprov.kube.component_base import metrics
from kprov.kube.controller_manager.volumes.attach_detach.attachable import AttachableVolume

FORCED_DETACHES: Final = metrics.counter(
    "attach_detach_controller_attachdetach_controller_forced_detaches",
    "Number of times the A/D Controller performed a forced detach",
    ["reason"],
)
_IN_USE: Final = metrics.gauge(
    "storage_count_attachable_volumes_in_use",
    "Measure number of volumes in use",
    ["node", "volume_plugin"],
)
_TOTAL: Final = metrics.gauge(
    "attachdetach_controller_total_volumes",
    "Number of volumes in A/D Controller",
    ["plugin_name", "state"],
)
_DESIRED: Final = "desired_state_of_world"
_ACTUAL: Final = "actual_state_of_world"


class VolumeCounts:
    """Counts the volumes of each node."""

    def __init__(self) -> None:
        self._in_use: dict[str, Counter[str]] = {}
        self._states: dict[str, Counter[tuple[str, str]]] = {}
        self._total: Counter[tuple[str, str]] = Counter()

    def set(
        self, node: str, *, desired: Iterable[AttachableVolume], attached: Iterable[AttachableVolume]
    ) -> None:
        """Replace the node's counts."""
        wanted = Counter(volume.plugin for volume in desired)
        states = Counter({(plugin, _DESIRED): count for plugin, count in wanted.items()})
        states.update((volume.plugin, _ACTUAL) for volume in attached)
        self._publish_in_use(node, wanted)
        self._publish_total(node, states)

    def _publish_in_use(self, node: str, counts: Counter[str]) -> None:
        before = self._in_use.pop(node, Counter())
        for plugin in before.keys() - counts.keys():
            _IN_USE.remove(node, plugin)
        for plugin, count in counts.items():
            _IN_USE.labels(node, plugin).set(count)
        if counts:
            self._in_use[node] = counts

    def _publish_total(self, node: str, states: Counter[tuple[str, str]]) -> None:
        before = self._states.pop(node, Counter())
        self._total.subtract(before)
        self._total.update(states)
        for labels in before.keys() | states.keys():
            _TOTAL.labels(*labels).set(self._total[labels])
        if states:
            self._states[node] = states
