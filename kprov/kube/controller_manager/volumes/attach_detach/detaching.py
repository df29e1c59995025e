"""When a volume that no pod of a node needs may be detached from it."""

from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from kprov.kube.api.core import Node

_OUT_OF_SERVICE: Final = "node.kubernetes.io/out-of-service"
#: Seconds until a volume is detached from an unhealthy node that still reports it as in use.
_UNMOUNT_SECONDS: Final = 6 * 60.0
#: Reasons of the metric of forced detaches.
TIMEOUT: Final = "timeout"
OUT_OF_SERVICE: Final = "out-of-service"


@dataclass(frozen=True, slots=True)
class DetachDecision:
    """Whether to detach now.

    forced: why, though the node has not unmounted the volume. seconds_left: until the timeout.
    """

    may_detach: bool
    forced: str = ""
    seconds_left: float | None = None


@dataclass
class DetachTimers:
    """Since when each (node, volume) is not needed, in monotonic seconds."""

    #: False: only the out-of-service taint forces.
    force_on_timeout: bool = True
    _since: dict[tuple[str, str], float] = field(default_factory=dict)

    def keep(self, node: str, volumes: set[str]) -> None:
        """Forget all other volumes of the node: it needs them again, or they are detached."""
        for key in [
            candidate for candidate in self._since if candidate[0] == node and candidate[1] not in volumes
        ]:
            del self._since[key]

    def decide(self, name: str, node: Node | None, volume: str) -> DetachDecision:
        """Decide for a node. None: it is deleted, so that nobody knows what it has mounted."""
        now = monotonic()
        waited = now - self._since.setdefault((name, volume), now)
        if node is not None and any(taint.key == _OUT_OF_SERVICE for taint in node.spec.taints):
            return DetachDecision(may_detach=True, forced=OUT_OF_SERVICE)
        if node is not None and volume not in node.status.volumes_in_use:
            return DetachDecision(may_detach=True)
        if not self.force_on_timeout or (node is not None and is_ready(node)):
            return DetachDecision(may_detach=False)
        if waited > _UNMOUNT_SECONDS:
            return DetachDecision(may_detach=True, forced=TIMEOUT)
        return DetachDecision(may_detach=False, seconds_left=_UNMOUNT_SECONDS - waited + 0.1)


def is_ready(node: Node) -> bool:
    return any(
        condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions
    )
