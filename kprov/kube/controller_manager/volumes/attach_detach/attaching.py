"""The volumes of one node that wait for their attachment, and what the users know about them."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from kprov.kube.api.storage import VolumeAttachment
from kprov.kube.controller_manager.volumes.attach_detach.attachable import AttachableVolume
from kprov.kube.controller_manager.volumes.attach_detach.messages import describe_failure, describe_timeout

#: Seconds after which an event says that the CSI driver has not answered.
_ATTACH_SECONDS: Final = 120.0


@dataclass
class WaitingVolumes:
    """By volume name: since when it waits (monotonic seconds), and the last problem that events reported."""

    _since: dict[str, float] = field(default_factory=dict)
    _problems: dict[str, str] = field(default_factory=dict)

    def keep(self, names: Iterable[str]) -> None:
        """Forget all other volumes."""
        known = set(names)
        self._since = {name: since for name, since in self._since.items() if name in known}
        self._problems = {name: text for name, text in self._problems.items() if name in known}

    def is_new_problem(self, name: str, problem: str) -> bool:
        """Whether the problem was not reported before. Remembers it."""
        if self._problems.get(name) == problem:
            return False
        self._problems[name] = problem
        return True

    def check(self, volume: AttachableVolume, attachment: VolumeAttachment) -> tuple[str, float]:
        """(text of an event or "", seconds after which to check again)."""
        now = time.monotonic()
        left = self._since.setdefault(volume.name, now) + _ATTACH_SECONDS - now
        error = attachment.status.attach_error
        if error is not None:
            is_new = self.is_new_problem(volume.name, f"{error.time} {error.message}")
            return describe_failure(volume, error.message) if is_new else "", _ATTACH_SECONDS
        if left > 0:
            return "", left
        self._since[volume.name] = now
        return describe_timeout(volume), _ATTACH_SECONDS
