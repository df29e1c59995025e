"""Kills one container: its preStop hook, its grace period (killContainer)."""

import asyncio
import logging
import time
from typing import Final

from kprov.kube.api.core import Container, Pod
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri.client import CriClient
from kprov.kube.kubelet.cri.pod_state import ContainerState
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.probes.errors import HandlerError
from kprov.kube.kubelet.probes.handler_runner import HandlerRunner

log = logging.getLogger(__name__)

# Seconds that a container gets at least after its preStop hook.
MINIMUM_GRACE: Final = 2


class ContainerKiller:
    def __init__(
        self, cri: CriClient, config: KubeletConfiguration, events: EventSender, handlers: HandlerRunner
    ) -> None:
        self._cri = cri
        self._config = config
        self._events = events
        self._handlers = handlers

    async def kill_container(
        self,
        pod: Pod,
        state: ContainerState,
        *,
        grace: int | None = None,
        message: str = "",
        reason: str = "",
    ) -> None:
        """Stop a container, after its pre-stop hook.

        Without `grace` the first of these grace periods counts: that of the pod's deletion, of the probe
        that `reason` names, of the pod's spec.
        """
        container = pod_queries.find_container(pod, state.name) or Container(name=state.name)
        text = message or f"Stopping container {state.name}"
        self._events.send_container_event(pod, container, "Normal", "Killing", text)
        if grace is None:
            grace = pod_queries.get_deletion_grace(pod)
        if grace is None:
            grace = _get_probe_grace(container, reason)
        if grace is None:
            grace = pod_queries.get_termination_grace(pod)
        if grace > 0 and state.is_running:
            grace = await self._run_pre_stop_hook(pod, container, state, grace)
        await self._cri.stop_container(state.id, grace)

    async def _run_pre_stop_hook(
        self, pod: Pod, container: Container, state: ContainerState, grace: int
    ) -> int:
        """Run the hook. Return how many seconds are left for the container to stop."""
        hook = container.lifecycle.pre_stop if container.lifecycle is not None else None
        if hook is None:
            return grace
        started = time.monotonic()
        try:
            async with asyncio.timeout(grace):
                runtime_state = await pod_state.read_pod_state(self._cri, pod.uid)
                address = get_pod_address(pod, runtime_state.ips, self._config)
                await self._handlers.run(hook, container, state.id, address, float(grace))
        except (HandlerError, TimeoutError) as error:
            log.info("%s: preStop hook of %s: %s", pod_queries.format_pod(pod), state.name, error)
            self._events.send_container_event(
                pod, container, "Warning", "FailedPreStopHook", "PreStopHook failed"
            )
        return max(MINIMUM_GRACE, round(grace - (time.monotonic() - started)))


def _get_probe_grace(container: Container, reason: str) -> int | None:
    probes = {"LivenessProbe": container.liveness_probe, "StartupProbe": container.startup_probe}
    probe = probes.get(reason)
    return probe.termination_grace_period_seconds if probe is not None else None


def get_pod_address(pod: Pod, ips: list[str], config: KubeletConfiguration) -> str:
    """Return the address at which hooks reach the pod."""
    if pod.spec.host_network:
        return config.node_ips[0] if config.node_ips else "127.0.0.1"
    return ips[0] if ips else ""
