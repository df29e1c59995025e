"""Whether the container runtime and its pod network are ready, checked periodically (runtimeState)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure

log = logging.getLogger(__name__)

_SECONDS_WHEN_READY: Final = 15.0
_SECONDS_WHEN_NOT_READY: Final = 1.0


class RuntimeHealth:
    def __init__(self, cri: CriClient, on_change: Callable[[], None]) -> None:
        self._cri = cri
        self._on_change = on_change
        self.runtime_problem: str | None = "container runtime status check may not have completed yet"
        self.network_problem: str | None = "network state unknown"
        # What the runtime's handlers can do, by name. Empty if the runtime does not say, None before it did.
        self.handlers: dict[str, pb.RuntimeHandlerFeatures] | None = None

    def list_problems(self) -> list[str]:
        """Why the node is not ready, in upstream's words."""
        problems = []
        if self.runtime_problem:
            problems.append(self.runtime_problem)
        if self.network_problem:
            problems.append(f"container runtime network not ready: {self.network_problem}")
        return problems

    async def check(self) -> None:
        """Ask the runtime and call `on_change` if its status changed."""
        before = (self.runtime_problem, self.network_problem, self.handlers)
        try:
            response = await self._cri.status()
        except RuntimeFailure as failure:
            self.runtime_problem = f"container runtime is down: {failure}"
        else:
            self.handlers = {item.name: item.features for item in response.runtime_handlers}
            conditions = {item.type: item for item in response.status.conditions}
            self.runtime_problem = _describe_runtime(conditions.get("RuntimeReady"))
            self.network_problem = _describe_network(conditions.get("NetworkReady"))
        if (self.runtime_problem, self.network_problem, self.handlers) != before:
            log.info("container runtime: %s", "; ".join(self.list_problems()) or "ready")
            self._on_change()

    async def run(self) -> None:
        """Check until cancelled, every second while there is a problem, so that pods start soon after it."""
        while True:
            await self.check()
            await asyncio.sleep(_SECONDS_WHEN_NOT_READY if self.list_problems() else _SECONDS_WHEN_READY)


def _describe_runtime(condition: pb.RuntimeCondition | None) -> str | None:
    is_ready = condition is not None and condition.status
    return None if is_ready else "container runtime not ready"


def _describe_network(condition: pb.RuntimeCondition | None) -> str | None:
    if condition is not None and condition.status:
        return None
    reason = condition.reason if condition is not None else ""
    message = condition.message if condition is not None else ""
    return f"NetworkReady=false reason:{reason} message:{message}"
