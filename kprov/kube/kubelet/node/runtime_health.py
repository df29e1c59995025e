"""Whether the container runtime and its pod network are ready, asked now and then."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure

log = logging.getLogger(__name__)

_WHEN_READY: Final = 15.0
_WHEN_NOT: Final = 1.0


class RuntimeHealth:
    def __init__(self, cri: CriClient, on_change: Callable[[], None]) -> None:
        self._cri = cri
        self._on_change = on_change
        self.runtime_problem: str | None = "container runtime status check may not have completed yet"
        self.network_problem: str | None = "network state unknown"

    def problems(self) -> list[str]:
        """Why the node is not ready, in upstream's words."""
        found = []
        if self.runtime_problem:
            found.append(self.runtime_problem)
        if self.network_problem:
            found.append(f"container runtime network not ready: {self.network_problem}")
        return found

    async def check(self) -> None:
        before = (self.runtime_problem, self.network_problem)
        try:
            answer = await self._cri.status()
        except RuntimeFailure as failure:
            self.runtime_problem = f"container runtime is down: {failure}"
        else:
            conditions = {item.type: item for item in answer.status.conditions}
            runtime, network = conditions.get("RuntimeReady"), conditions.get("NetworkReady")
            self.runtime_problem = (
                None if runtime is not None and runtime.status else "container runtime not ready"
            )
            if network is not None and network.status:
                self.network_problem = None
            else:
                reason = network.reason if network is not None else ""
                message = network.message if network is not None else ""
                self.network_problem = f"NetworkReady=false reason:{reason} message:{message}"
        if (self.runtime_problem, self.network_problem) != before:
            log.info("container runtime: %s", "; ".join(self.problems()) or "ready")
            self._on_change()

    async def run(self) -> None:
        """Until cancelled; often while something is amiss, so that pods start soon after it is not."""
        while True:
            await self.check()
            await asyncio.sleep(_WHEN_NOT if self.problems() else _WHEN_READY)
