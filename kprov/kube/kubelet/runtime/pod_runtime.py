"""Makes a pod's sandbox and containers what its spec says, and ends them (kuberuntime manager)."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kprov.kube.client import ClientError
from kprov.kube.component_base import durations
from kprov.kube.kubelet.backoff import BackOff
from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.cri.pod_state import ContainerStatus, PodState
from kprov.kube.kubelet.events import PodEvents
from kprov.kube.kubelet.images.manager import ImageError, ImageManager
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.pod_queries import Container, Pod
from kprov.kube.kubelet.probes.handlers import Handlers, ProbeError
from kprov.kube.kubelet.probes.manager import ProbeManager
from kprov.kube.kubelet.runtime import container_config, dns, pod_actions, sandbox_config
from kprov.kube.kubelet.runtime.environment import ConfigError
from kprov.kube.kubelet.volumes.manager import VolumeManager
from kprov.kube.kubelet.volumes.sources import VolumeError

log = logging.getLogger(__name__)

# A container gets at least so long after its preStop hook.
_MINIMUM_GRACE: Final = 2
# (pod, container, pod ips) > environment
EnvironmentSource = Callable[[Pod, Container, list[str]], Awaitable[dict[str, str]]]


@dataclass(slots=True)
class Waiting:
    """Why a container does not run: goes into its status."""

    reason: str
    message: str


class _StartError(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.waiting = Waiting(reason, message)


class PodRuntime:
    def __init__(
        self,
        *,
        cri: CriClient,
        config: KubeletConfig,
        events: PodEvents,
        images: ImageManager,
        volumes: VolumeManager,
        handlers: Handlers,
        environment: EnvironmentSource,
        handler: Callable[[Pod], Awaitable[str]],
        memory_capacity: int,
    ) -> None:
        self._cri = cri
        self._config = config
        self._events = events
        self._images = images
        self._volumes = volumes
        self._handlers = handlers
        self._environment = environment
        self._handler = handler
        self._memory_capacity = memory_capacity
        self.backoff = BackOff(config.max_container_backoff)
        # pod uid > container name > why it waits
        self.waiting: dict[str, dict[str, Waiting]] = {}

    async def state(self, uid: str) -> PodState:
        state = await pod_state.read(self._cri, uid)
        for status in state.containers:
            if status.state == pod_state.EXITED:
                _read_last_words(status)
        return state

    async def sync(
        self, pod: Pod, state: PodState, probes: ProbeManager, secrets: list[dict[str, Any]]
    ) -> tuple[bool, float | None]:
        """One step towards the spec: (something was done, seconds until it is worth trying again or None)."""
        todo = pod_actions.compute(pod, state, liveness=probes.liveness, startup=probes.startup)
        uid = pod_queries.uid_of(pod)
        if todo.kill_pod:
            if todo.create_sandbox and state.sandboxes and state.containers:
                text = "Pod sandbox changed, it will be killed and re-created."
                self._events.pod(pod, "Normal", "SandboxChanged", text)
            await self.kill(pod, state)
            if not todo.create_sandbox:
                return True, None
        else:
            await asyncio.gather(
                *(
                    self.kill_container(pod, item.status, message=item.message, reason=item.reason)
                    for item in todo.to_kill
                )
            )
        ips = state.ips
        sandbox_id = state.sandbox.id if state.sandbox else ""
        config = await asyncio.to_thread(sandbox_config.make, pod, todo.attempt, self._config)
        if todo.create_sandbox:
            sandbox_id, ips = await self._create_sandbox(pod, config)
        retry: float | None = None
        for container in [*todo.ephemeral_to_start, *todo.init_to_start, *todo.to_start]:
            wait = await self._start(pod, state, container, sandbox_id, config, ips, secrets)
            if wait is not None:
                retry = wait if retry is None else min(retry, wait)
                if container in todo.init_to_start and not pod_queries.is_sidecar(container):
                    break
        if not self.waiting.get(uid):
            self.waiting.pop(uid, None)
        did = todo.create_sandbox or any(
            (todo.to_kill, todo.ephemeral_to_start, todo.init_to_start, todo.to_start)
        )
        return did, retry

    async def _create_sandbox(self, pod: Pod, config: pb.PodSandboxConfig) -> tuple[str, list[str]]:
        await asyncio.to_thread(Path(config.log_directory).mkdir, 0o755, True, True)
        try:
            sandbox = await self._cri.run_pod_sandbox(config, await self._handler(pod))
        except (RuntimeFailure, ClientError) as failure:
            text = f"Failed to create pod sandbox: {failure}"
            self._events.pod(pod, "Warning", "FailedCreatePodSandBox", text)
            raise
        status = await self._cri.pod_sandbox_status(sandbox)
        ips = [status.network.ip] if status.network.ip else []
        return sandbox, ips + [item.ip for item in status.network.additional_ips]

    async def _start(
        self,
        pod: Pod,
        state: PodState,
        container: Container,
        sandbox_id: str,
        config: pb.PodSandboxConfig,
        ips: list[str],
        secrets: list[dict[str, Any]],
    ) -> float | None:
        """None when it runs, else seconds to wait before the next try."""
        uid, name = pod_queries.uid_of(pod), container["name"]
        waiting = self.waiting.setdefault(uid, {})
        if (left := self._back_off(pod, container, state)) is not None:
            delay = durations.render(self.backoff.delay(_key(pod, container)))
            waiting[name] = Waiting(
                "CrashLoopBackOff",
                f"back-off {delay} restarting failed container={name} pod={pod_queries.told(pod)}",
            )
            text = f"Back-off restarting failed container {name} in pod {pod_queries.told(pod)}"
            self._events.container(pod, container, "Warning", "BackOff", text)
            return left
        try:
            await self._start_container(pod, state, container, sandbox_id, config, ips, secrets)
        except ImageError as error:
            waiting[name] = Waiting(error.reason, error.message)
            self._events.container(pod, container, "Warning", "Failed", f"Error: {error.reason}")
            return 10.0
        except _StartError as error:
            waiting[name] = error.waiting
            log.warning("%s: container %s: %s", pod_queries.told(pod), name, error)
            return 10.0
        waiting.pop(name, None)
        return None

    def _back_off(self, pod: Pod, container: Container, state: PodState) -> float | None:
        """Seconds to wait before a failed container is tried again; None when it may start now."""
        last = next(
            (
                status
                for status in state.containers
                if status.name == container["name"] and status.state == pod_state.EXITED
            ),
            None,
        )
        if last is None:
            return None
        finished = last.finished_at / 1e9
        key = _key(pod, container)
        if left := self.backoff.remaining(key, finished):
            return left
        self.backoff.next(key, finished)
        return None

    async def _start_container(
        self,
        pod: Pod,
        state: PodState,
        container: Container,
        sandbox_id: str,
        config: pb.PodSandboxConfig,
        ips: list[str],
        secrets: list[dict[str, Any]],
    ) -> None:
        image = await self._images.ensure(pod, container, config, secrets)
        last = state.latest(container["name"])
        count = last.restart_count + 1 if last else self._count_from_logs(config, container)
        try:
            made = await self._container_config(pod, state, container, count, image, ips)
        except (ConfigError, VolumeError, OSError, ValueError) as error:
            self._events.container(pod, container, "Warning", "Failed", f"Error: {error}")
            raise _StartError("CreateContainerConfigError", str(error)) from error
        log_file = Path(config.log_directory) / made.log_path
        await asyncio.to_thread(log_file.parent.mkdir, 0o755, True, True)
        try:
            identity = await self._cri.create_container(sandbox_id, made, config)
        except RuntimeFailure as failure:
            self._events.container(pod, container, "Warning", "Failed", f"Error: {failure.message}")
            raise _StartError("CreateContainerError", failure.message) from failure
        self._events.container(pod, container, "Normal", "Created", "Container created")
        try:
            await self._cri.start_container(identity)
        except RuntimeFailure as failure:
            self._events.container(pod, container, "Warning", "Failed", f"Error: {failure.message}")
            raise _StartError("RunContainerError", failure.message) from failure
        self._events.container(pod, container, "Normal", "Started", "Container started")
        _link_log(pod, container, identity, log_file)
        hook = (container.get("lifecycle") or {}).get("postStart")
        if hook:
            await self._post_start(pod, container, identity, hook, ips)

    async def _post_start(
        self, pod: Pod, container: Container, identity: str, hook: dict[str, Any], ips: list[str]
    ) -> None:
        try:
            await self._handlers.run(hook, container, identity, self._address(pod, ips), 3600.0)
        except ProbeError as error:
            self._events.container(pod, container, "Warning", "FailedPostStartHook", "PostStartHook failed")
            status = ContainerStatus(identity, container["name"], pod_state.RUNNING)
            await self.kill_container(pod, status, message="FailedPostStartHook")
            raise _StartError("PostStartHookError", f"PostStartHook failed: {error}") from error

    def _address(self, pod: Pod, ips: list[str]) -> str:
        if pod_queries.uses_host_network(pod):
            return self._config.node_ips[0] if self._config.node_ips else "127.0.0.1"
        return ips[0] if ips else ""

    def _count_from_logs(self, config: pb.PodSandboxConfig, container: Container) -> int:
        """Logs outlive containers: count on from the newest of them."""
        folder = Path(config.log_directory) / container["name"]
        try:
            counts = [int(entry.name.split(".")[0]) for entry in folder.iterdir() if entry.name[0].isdigit()]
        except (OSError, ValueError):
            return 0
        return max(counts) + 1 if counts else 0

    async def _container_config(
        self, pod: Pod, state: PodState, container: Container, count: int, image: pb.Image, ips: list[str]
    ) -> pb.ContainerConfig:
        env = await self._environment(pod, container, ips)
        mounts = await asyncio.to_thread(self._mounts, pod, container, env, ips)
        target = ""
        if container.get("targetContainerName"):
            aimed = state.latest(container["targetContainerName"])
            if aimed is None or not aimed.is_running:
                raise ConfigError(f"unable to find target container {container['targetContainerName']}")
            target = aimed.id
        return container_config.make(
            pod,
            container,
            restart_count=count,
            env=env,
            image=image,
            mounts=mounts,
            config=self._config,
            memory_capacity=self._memory_capacity,
            target=target,
        )

    def _mounts(
        self, pod: Pod, container: Container, env: Mapping[str, str], ips: list[str]
    ) -> list[pb.Mount]:
        mounts = self._volumes.mounts(pod, container, env)
        taken = {mount.container_path for mount in mounts}
        if "/etc/hosts" not in taken and (ips or pod_queries.uses_host_network(pod)):
            file = self._volumes.pod_folder(pod_queries.uid_of(pod)) / "etc-hosts"
            name, domain = dns.host_name(pod, self._config.cluster_domain)
            file.write_text(dns.hosts_file(pod, ips, name, domain))
            file.chmod(0o644)
            mounts.append(pb.Mount(container_path="/etc/hosts", host_path=str(file)))
        if (last_words := container_config.termination_log(pod, container, self._config)) is not None:
            mounts.append(last_words)
        return mounts

    async def kill(self, pod: Pod, state: PodState, grace: int | None = None) -> None:
        """End all containers, app containers before sidecars, then the sandboxes. Raises RuntimeFailure."""
        started = time.monotonic()
        sidecars = [item["name"] for item in pod_queries.init_containers(pod) if pod_queries.is_sidecar(item)]
        others = [status for status in state.running() if status.name not in sidecars]
        await asyncio.gather(*(self.kill_container(pod, status, grace=grace) for status in others))
        for name in reversed(sidecars):
            for status in state.running():
                if status.name == name:
                    whole = pod_queries.termination_grace(pod) if grace is None else grace
                    left = max(_MINIMUM_GRACE if whole else 0, round(whole - (time.monotonic() - started)))
                    await self.kill_container(pod, status, grace=left)
        await asyncio.gather(*(self._cri.stop_pod_sandbox(item.id) for item in state.sandboxes if item.ready))

    async def kill_container(
        self,
        pod: Pod,
        status: ContainerStatus,
        *,
        grace: int | None = None,
        message: str = "",
        reason: str = "",
    ) -> None:
        container = pod_queries.find_container(pod, status.name) or {"name": status.name}
        self._events.container(
            pod, container, "Normal", "Killing", message or f"Stopping container {status.name}"
        )
        if grace is None:
            grace = pod_queries.deletion_grace(pod)
        if grace is None:
            grace = pod_queries.termination_grace(pod)
            probe = {"LivenessProbe": "livenessProbe", "StartupProbe": "startupProbe"}.get(reason)
            own = (container.get(probe) or {}).get("terminationGracePeriodSeconds") if probe else None
            grace = int(own) if own is not None else grace
        hook = (container.get("lifecycle") or {}).get("preStop")
        if hook and grace > 0 and status.is_running:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(grace):
                    state = await pod_state.read(self._cri, pod_queries.uid_of(pod))
                    address = self._address(pod, state.ips)
                    await self._handlers.run(hook, container, status.id, address, float(grace))
            except (ProbeError, TimeoutError) as error:
                log.info("%s: preStop hook of %s: %s", pod_queries.told(pod), status.name, error)
                self._events.container(pod, container, "Warning", "FailedPreStopHook", "PreStopHook failed")
            grace = max(_MINIMUM_GRACE, round(grace - (time.monotonic() - begun)))
        await self._cri.stop_container(status.id, grace)

    async def remove(self, state: PodState) -> None:
        """Delete all containers and sandboxes of a pod that has ended."""
        for status in state.containers:
            await self._cri.remove_container(status.id)
        for sandbox in state.sandboxes:
            await self._cri.stop_pod_sandbox(sandbox.id)
            await self._cri.remove_pod_sandbox(sandbox.id)

    def forget(self, uid: str) -> None:
        self.waiting.pop(uid, None)
        self.backoff.forget(uid)


def _key(pod: Pod, container: Container) -> str:
    return f"{pod_queries.uid_of(pod)}_{container['name']}_{container.get('image', '')}"


def _link_log(pod: Pod, container: Container, identity: str, log_file: Path) -> None:
    """The name under which log collectors look for it."""
    folder = Path("/var/log/containers")
    name = f"{pod_queries.name_of(pod)}_{pod_queries.namespace_of(pod)}_{container['name']}-{identity}.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.symlink(log_file, folder / name)  # noqa: PTH211  one call
    except OSError as error:
        log.debug("log link: %s", error)


def _read_last_words(status: ContainerStatus) -> None:
    """The message that a container left in its termination log, or the end of its log when that is wanted."""
    path = status.annotations.get(pod_state.TERMINATION_PATH)
    text = ""
    host_path = status.mounts.get(path or "")
    if host_path:
        try:
            with open(host_path, "rb") as file:
                file.seek(max(0, Path(host_path).stat().st_size - 4096))
                text = file.read(4096).decode(errors="replace")
        except OSError:
            text = ""
    policy = status.annotations.get(pod_state.TERMINATION_POLICY)
    if not text and policy == "FallbackToLogsOnError" and status.exit_code != 0:
        from kprov.kube.kubelet.server import log_file

        text = log_file.tail_text(status.log_path, lines=80, limit=2048)
    if text:
        status.message = text
