"""Pods that Permit holds between their reservation and their binding (upstream's waitingPodsMap)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from kprov.kube.api.core import Pod
from kprov.kube.component_base import durations
from kprov.kube.scheduler.framework.status import SUCCESS, Code, Status

#: A plugin cannot let a pod wait longer, as upstream.
MAX_WAIT_SECONDS = 15 * 60.0


class WaitingPod:
    """A pod that waits. `seconds`: the longest wait for each plugin. The first timeout rejects the pod."""

    def __init__(self, pod: Pod, seconds: Mapping[str, float]) -> None:
        self.pod = pod
        loop = asyncio.get_running_loop()
        self._decision: asyncio.Future[Status] = loop.create_future()
        self._timers = {
            plugin: loop.call_later(limit, self._time_out, plugin, limit) for plugin, limit in seconds.items()
        }

    def allow(self, plugin: str) -> None:
        """Let the plugin agree to the binding. Other plugins may still hold the pod."""
        timer = self._timers.pop(plugin, None)
        if timer is not None:
            timer.cancel()
        if not self._timers:
            self._decide(SUCCESS)

    def reject(self, plugin: str, message: str) -> bool:
        """Reject the pod. Return False if a decision was made before."""
        return self._decide(Status(Code.UNSCHEDULABLE, message, plugin))

    def preempt(self, plugin: str, message: str) -> bool:
        """Take the node from the pod, which is scheduled again after a backoff.

        Return False as `reject` does.
        """
        return self._decide(Status(Code.ERROR, message, plugin))

    async def wait(self) -> Status:
        """Wait for the decision and return it."""
        try:
            return await self._decision
        finally:
            self._stop_timers()

    def _time_out(self, plugin: str, limit: float) -> None:
        text = durations.render(limit)
        self.reject(plugin, f"rejected due to timeout after waiting {text} at plugin {plugin}")

    def _decide(self, status: Status) -> bool:
        if self._decision.done():
            return False
        self._decision.set_result(status)
        self._stop_timers()
        return True

    def _stop_timers(self) -> None:
        for timer in self._timers.values():
            timer.cancel()


class WaitingPods:
    """All waiting pods by UID. The profiles share it, and plugins decide through it."""

    def __init__(self) -> None:
        self._pods: dict[str, WaitingPod] = {}

    def __iter__(self) -> Iterator[WaitingPod]:
        return iter(list(self._pods.values()))

    def add(self, pod: Pod, seconds: Mapping[str, float]) -> WaitingPod:
        waiting = self._pods[pod.metadata.uid] = WaitingPod(pod, seconds)
        return waiting

    def get(self, uid: str) -> WaitingPod | None:
        return self._pods.get(uid)

    def reject(self, uid: str, message: str = "removed") -> bool:
        """Reject a pod for no particular plugin. Return False if it does not wait."""
        waiting = self._pods.get(uid)
        return waiting is not None and waiting.reject("", message)

    def remove(self, uid: str) -> None:
        """Remove a pod whose decision has been read."""
        self._pods.pop(uid, None)
