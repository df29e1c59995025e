"""Makes a pod's sandbox and containers match its spec, and ends them (kuberuntime_manager.go)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.client import ClientError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.cri.pod_state import ContainerState, PodState
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.logs import log_paths
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.probes.manager import ProbeManager
from kprov.kube.kubelet.runtime import sandbox_config, user_namespaces
from kprov.kube.kubelet.runtime.container_killer import MINIMUM_GRACE, ContainerKiller
from kprov.kube.kubelet.runtime.container_starter import ContainerStarter, PodSandbox
from kprov.kube.kubelet.runtime.pod_actions import PodActions, compute_pod_actions
from kprov.kube.kubelet.runtime.termination_message import read_termination_message
from kprov.kube.kubelet.runtime.user_namespaces import UserNamespaces
from kprov.kube.machinery.json_object import JsonObject


class RuntimeManager:
    """`get_handler(pod)` gives the runtime's handler that the pod's RuntimeClass names."""

    def __init__(
        self,
        *,
        cri: CriClient,
        config: KubeletConfiguration,
        events: EventSender,
        starter: ContainerStarter,
        killer: ContainerKiller,
        user_namespaces: UserNamespaces,
        get_handler: Callable[[Pod], Awaitable[str]],
    ) -> None:
        self._user_namespaces = user_namespaces
        self._cri = cri
        self._config = config
        self._events = events
        self._starter = starter
        self._killer = killer
        self._get_handler = get_handler
        self.waiting = starter.waiting

    async def get_pod_state(self, uid: PodUID) -> PodState:
        """Return the runtime's view of the pod, with termination messages. Raises RuntimeFailure."""
        state = await pod_state.read_pod_state(self._cri, uid)
        for container in state.containers:
            if container.state == pod_state.EXITED and (text := self._read_message(uid, container)):
                container.message = text
        return state

    def _read_message(self, uid: PodUID, container: ContainerState) -> str:
        return read_termination_message(uid, container, Path(self._config.root_dir))

    async def sync_pod(
        self, pod: Pod, state: PodState, probes: ProbeManager, secrets: list[JsonObject]
    ) -> tuple[bool, float | None]:
        """One step towards the spec: (whether something was done, seconds until the next try or None)."""
        actions = compute_pod_actions(pod, state, liveness=probes.get_liveness, startup=probes.get_startup)
        if not await self._kill(pod, state, actions):
            return True, None
        ips = state.ips
        sandbox_id = state.sandbox.id if state.sandbox else ""
        config = await self._make_sandbox_config(pod, actions.attempt)
        if actions.create_sandbox:
            sandbox_id, ips = await self._create_sandbox(pod, config)
        retry = await self._start_containers(
            pod, state, actions, PodSandbox(sandbox_id, config, ips), secrets
        )
        self._starter.forget_if_none_waits(pod.uid)
        return actions.create_sandbox or actions.changes_containers, retry

    async def find_namespace_problem(self, pod: Pod, state: PodState) -> str | None:
        """Why the runtime cannot isolate the pod's users as it asks for."""
        if not user_namespaces.wants_namespace(pod):
            return None
        has_sandbox = state.sandbox is not None
        return self._user_namespaces.find_problem(pod, await self._get_handler(pod), has_sandbox=has_sandbox)

    async def _make_sandbox_config(self, pod: Pod, attempt: int) -> pb.PodSandboxConfig:
        handler = await self._get_handler(pod) if user_namespaces.wants_namespace(pod) else ""
        users = self._user_namespaces.get_or_create(pod, handler)
        return await asyncio.to_thread(
            sandbox_config.generate_pod_sandbox_config, pod, attempt, self._config, users
        )

    async def _kill(self, pod: Pod, state: PodState, actions: PodActions) -> bool:
        """Kill what the actions name. False when the pod was killed and gets no new sandbox."""
        if actions.kill_pod:
            if actions.create_sandbox and state.sandboxes and state.containers:
                text = "Pod sandbox changed, it will be killed and re-created."
                self._events.send_pod_event(pod, "Normal", "SandboxChanged", text)
            await self.kill_pod(pod, state)
            return actions.create_sandbox
        await asyncio.gather(
            *(
                self._killer.kill_container(pod, item.state, message=item.message, reason=item.reason)
                for item in actions.to_kill
            )
        )
        return True

    async def _create_sandbox(self, pod: Pod, config: pb.PodSandboxConfig) -> tuple[str, list[str]]:
        await asyncio.to_thread(log_paths.make_folder, config.log_directory, self._config.pod_logs_dir)
        try:
            sandbox = await self._cri.run_pod_sandbox(config, await self._get_handler(pod))
        except (RuntimeFailure, ClientError) as failure:
            text = f"Failed to create pod sandbox: {failure}"
            self._events.send_pod_event(pod, "Warning", "FailedCreatePodSandBox", text)
            raise
        status = await self._cri.pod_sandbox_status(sandbox)
        ips = [status.network.ip] if status.network.ip else []
        return sandbox, ips + [item.ip for item in status.network.additional_ips]

    async def _start_containers(
        self,
        pod: Pod,
        state: PodState,
        actions: PodActions,
        sandbox: PodSandbox,
        secrets: list[JsonObject],
    ) -> float | None:
        """Seconds until the next try. None when all containers started."""
        retry: float | None = None
        for container in [*actions.ephemeral_to_start, *actions.init_to_start, *actions.to_start]:
            wait = await self._starter.start_container(pod, state, container, sandbox, secrets)
            if wait is not None:
                retry = wait if retry is None else min(retry, wait)
                if container in actions.init_to_start and not pod_queries.is_sidecar(container):
                    break
        return retry

    async def kill_pod(self, pod: Pod, state: PodState, grace: int | None = None) -> None:
        """Kill app containers, then sidecars in reverse order, then stop sandboxes. Raises RuntimeFailure."""
        started = time.monotonic()
        sidecars = [item.name for item in pod.spec.init_containers if pod_queries.is_sidecar(item)]
        others = [item for item in state.list_running() if item.name not in sidecars]
        await asyncio.gather(*(self._killer.kill_container(pod, item, grace=grace) for item in others))
        for name in reversed(sidecars):
            for item in state.list_running():
                if item.name == name:
                    whole = pod_queries.get_termination_grace(pod) if grace is None else grace
                    left = max(MINIMUM_GRACE if whole else 0, round(whole - (time.monotonic() - started)))
                    await self._killer.kill_container(pod, item, grace=left)
        await asyncio.gather(*(self._cri.stop_pod_sandbox(item.id) for item in state.sandboxes if item.ready))

    async def remove_pod(self, state: PodState) -> None:
        """Delete all containers and sandboxes of a pod that has ended."""
        for container in state.containers:
            await self._cri.remove_container(container.id)
        for sandbox in state.sandboxes:
            await self._cri.stop_pod_sandbox(sandbox.id)
            await self._cri.remove_pod_sandbox(sandbox.id)

    def release_user_namespace(self, uid: PodUID) -> None:
        """Let other pods have the IDs of a pod whose containers are gone."""
        self._user_namespaces.release(uid)

    def forget_pod(self, uid: PodUID) -> None:
        self._starter.forget_pod(uid)
