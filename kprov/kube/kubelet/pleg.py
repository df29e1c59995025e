"""The pod lifecycle event generator: finds pods whose containers changed (pkg/kubelet/pleg).

It reads the runtime's events, and lists all containers every second if the runtime sends none.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kprov.kube.api.meta import PodUID
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.cri.pod_state import POD_UID

log = logging.getLogger(__name__)

# As upstream: every second without events, every minute with them in case one is lost.
_RELIST_SECONDS: Final = 1.0
_RELIST_SECONDS_WITH_EVENTS: Final = 60.0
_RECONNECT_SECONDS: Final = 1.0


class Pleg:
    """`on_pod(uid)` is called for each pod that changed."""

    def __init__(self, cri: CriClient, on_pod: Callable[[PodUID], None]) -> None:
        self._cri = cri
        self._on_pod = on_pod
        self._known: dict[str, tuple[PodUID, int]] = {}  # container or sandbox id > (pod, state)
        self._has_events = True
        self._relist_now = asyncio.Event()
        self.problem: str | None = None

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_events())
            group.create_task(self._relist_periodically())

    async def _read_events(self) -> None:
        while True:
            try:
                async for event in self._cri.container_events():
                    uid = event.pod_sandbox_status.metadata.uid
                    if uid:
                        self._on_pod(PodUID(uid))
                    elif (known := self._known.get(event.container_id)) is not None:
                        self._on_pod(known[0])
            except RuntimeFailure as failure:
                if failure.code == "UNIMPLEMENTED":
                    log.info("the container runtime sends no events, listing containers every second")
                    self._has_events = False
                    self._relist_now.set()
                    return
                log.debug("container events: %s", failure)
            # Events may be lost until the next call.
            self._relist_now.set()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _relist_periodically(self) -> None:
        while True:
            try:
                await self.relist()
                self.problem = None
            except RuntimeFailure as failure:
                self.problem = str(failure)
                log.warning("the container runtime does not answer: %s", failure)
            pause = _RELIST_SECONDS_WITH_EVENTS if self._has_events and not self.problem else _RELIST_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self._relist_now.wait()
                await asyncio.sleep(_RELIST_SECONDS)
            except TimeoutError:
                pass
            self._relist_now.clear()

    async def relist(self) -> None:
        """List all sandboxes and containers and report the pods that differ from the last list."""
        sandboxes, containers = await asyncio.gather(
            self._cri.list_pod_sandboxes(), self._cri.list_containers()
        )
        now = {item.id: (PodUID(item.metadata.uid), int(item.state)) for item in sandboxes}
        now |= {item.id: (PodUID(item.labels.get(POD_UID, "")), int(item.state)) for item in containers}
        changed = {now[key][0] for key in now if self._known.get(key) != now[key]}
        changed |= {self._known[key][0] for key in self._known if key not in now}
        self._known = now
        for uid in changed:
            self._on_pod(uid)
