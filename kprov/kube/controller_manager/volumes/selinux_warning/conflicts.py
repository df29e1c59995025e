"""Which pods use which volumes how, and the conflicts between them (selinuxwarning/cache)."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from kprov.kube.client.store import split_key
from kprov.kube.component_base import metrics
from kprov.kube.controller_manager.volumes.selinux_warning.labels import are_conflicting

RECURSIVE: Final = "Recursive"
_CONFLICT: Final = metrics.gauge(
    "selinux_warning_controller_selinux_volume_conflict",
    "Conflict between two Pods using the same volume",
    ["property", "pod1_namespace", "pod1_name", "pod1_value", "pod2_namespace", "pod2_name", "pod2_value"],
)
_REASONS: Final = {
    "SELinuxChangePolicy": "SELinuxChangePolicyConflict",
    "SELinuxLabel": "SELinuxLabelConflict",
}


@dataclass(frozen=True, slots=True)
class VolumeUse:
    """How a pod mounts a volume. label: "" if the container runtime labels the files one by one."""

    label: str
    change_policy: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """pod, other: NAMESPACE/NAME."""

    subject: str
    pod: str
    value: str
    other: str
    other_value: str

    @property
    def reason(self) -> str:
        return _REASONS[self.subject]

    @property
    def message(self) -> str:
        (namespace, _), (other_namespace, other) = split_key(self.pod), split_key(self.other)
        end = "If both pods land on the same node, only one of them may access the volume."
        if namespace == other_namespace:
            return (
                f'{self.subject} "{self.value}" conflicts with pod {other} that uses the same volume as this '
                f'pod with {self.subject} "{self.other_value}". {end}'
            )
        # The missing space is upstream's. Users of a namespace see no names of other ones.
        return (
            f'{self.subject}"{self.value}" conflicts with another pod that uses the same volume as this pod '
            f"with a different {self.subject}. {end}"
        )

    def reverse(self) -> "Conflict":
        return Conflict(self.subject, self.other, self.other_value, self.pod, self.value)

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the metric."""
        return self.subject, *split_key(self.pod), self.value, *split_key(self.other), self.other_value


@dataclass
class VolumeUsers:
    """The pods of each volume."""

    _uses: dict[str, dict[str, VolumeUse]] = field(default_factory=lambda: defaultdict(dict))
    _conflicts: dict[str, set[Conflict]] = field(default_factory=lambda: defaultdict(set))

    def add(self, volume: str, pod: str, use: VolumeUse) -> list[Conflict]:
        """Add or change a pod's use. Returns the conflicts that are new, in both directions."""
        users = self._uses[volume]
        if users.get(pod) == use:
            return []
        self._drop_conflicts(volume, pod)
        users[pod] = use
        conflicts = [
            conflict
            for other, other_use in users.items()
            for conflict in _compare(pod, use, other, other_use)
        ]
        for conflict in conflicts:
            self._conflicts[volume].add(conflict)
            _CONFLICT.labels(*conflict.labels).set(1)
        return conflicts

    def remove(self, pod: str) -> None:
        """Handle that the pod is gone or has ended."""
        for volume in [name for name, users in self._uses.items() if pod in users]:
            self._drop_conflicts(volume, pod)
            del self._uses[volume][pod]
            if not self._uses[volume]:
                del self._uses[volume]

    def _drop_conflicts(self, volume: str, pod: str) -> None:
        stale = {entry for entry in self._conflicts[volume] if pod in (entry.pod, entry.other)}
        self._conflicts[volume] -= stale
        if not self._conflicts[volume]:
            del self._conflicts[volume]
        for conflict in stale:
            if not any(conflict in conflicts for conflicts in self._conflicts.values()):
                _CONFLICT.remove(*conflict.labels)


def _compare(pod: str, use: VolumeUse, other: str, other_use: VolumeUse) -> list[Conflict]:
    conflicts = []
    if use.change_policy != other_use.change_policy:
        values = use.change_policy, other, other_use.change_policy
        conflicts.append(Conflict("SELinuxChangePolicy", pod, *values))
    if are_conflicting(use.label, other_use.label):
        conflicts.append(Conflict("SELinuxLabel", pod, use.label, other, other_use.label))
    return [direction for conflict in conflicts for direction in (conflict, conflict.reverse())]
