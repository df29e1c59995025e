"""Starts one container: back-off, image, configuration, postStart hook (startContainer)."""

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kprov.kube.api.core import Container, LifecycleHandler, Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.component_base import durations
from kprov.kube.component_base.backoff import KeyedBackoff
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.cri.pod_state import ContainerState, PodState
from kprov.kube.kubelet.errors import ContainerConfigError, VolumeError
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.images.errors import ImageError
from kprov.kube.kubelet.images.manager import ImageManager, ImageRequest
from kprov.kube.kubelet.logs import log_paths
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.probes.errors import HandlerError
from kprov.kube.kubelet.probes.handler_runner import HandlerRunner
from kprov.kube.kubelet.runtime import container_config, dns, termination_message
from kprov.kube.kubelet.runtime.container_killer import ContainerKiller, get_pod_address
from kprov.kube.kubelet.runtime.image_volumes import ImageVolumes
from kprov.kube.kubelet.runtime.waiting import Waiting
from kprov.kube.kubelet.volumes.manager import VolumeManager
from kprov.kube.kubelet.volumes.read_only import wants_recursive
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 10.0
_FIRST_BACKOFF_SECONDS: Final = 10.0
_POST_START_SECONDS: Final = 3600.0
# (pod, container, pod ips) > environment variables
EnvironmentMaker = Callable[[Pod, Container, list[str]], Awaitable[dict[str, str]]]
# What the runtime's handler of the pod can do.
FeatureGetter = Callable[[Pod], Awaitable[pb.RuntimeHandlerFeatures]]


@dataclass(frozen=True, slots=True)
class PodSandbox:
    id: str
    config: pb.PodSandboxConfig
    ips: list[str]


class _StartError(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.waiting = Waiting(reason, message)


class ContainerStarter:
    def __init__(
        self,
        *,
        cri: CriClient,
        config: KubeletConfiguration,
        events: EventSender,
        images: ImageManager,
        image_volumes: ImageVolumes,
        volumes: VolumeManager,
        handlers: HandlerRunner,
        killer: ContainerKiller,
        make_environment: EnvironmentMaker,
        memory_capacity: int,
        get_features: FeatureGetter,
    ) -> None:
        self._get_features = get_features
        self._cri = cri
        self._config = config
        self._events = events
        self._images = images
        self._image_volumes = image_volumes
        self._volumes = volumes
        self._handlers = handlers
        self._killer = killer
        self._make_environment = make_environment
        self._memory_capacity = memory_capacity
        self._backoff = KeyedBackoff(
            initial=_FIRST_BACKOFF_SECONDS, maximum=config.max_container_backoff, clock=time.time
        )
        # By pod and container name: why the container does not run.
        self.waiting: dict[PodUID, dict[str, Waiting]] = {}

    def forget_pod(self, uid: PodUID) -> None:
        self.waiting.pop(uid, None)
        self._backoff.forget(uid)

    def forget_if_none_waits(self, uid: PodUID) -> None:
        """Remove the pod's entry of `waiting` if it is empty."""
        if not self.waiting.get(uid):
            self.waiting.pop(uid, None)

    async def start_container(
        self,
        pod: Pod,
        state: PodState,
        container: Container,
        sandbox: PodSandbox,
        secrets: list[JsonObject],
    ) -> float | None:
        """None when it runs, else seconds until the next try."""
        name, pod_text = container.name, pod_queries.format_pod(pod)
        waiting = self.waiting.setdefault(pod.uid, {})
        if (left := self._get_back_off(pod, container, state)) is not None:
            delay = durations.render(self._backoff.get_delay(_get_key(pod, container)))
            waiting[name] = Waiting(
                "CrashLoopBackOff", f"back-off {delay} restarting failed container={name} pod={pod_text}"
            )
            text = f"Back-off restarting failed container {name} in pod {pod_text}"
            self._events.send_container_event(pod, container, "Warning", "BackOff", text)
            return left
        try:
            await self._start(pod, state, container, sandbox, secrets)
        except ImageError as error:
            waiting[name] = Waiting(error.reason, error.message)
            self._send_failure(pod, container, error.reason)
            return _RETRY_SECONDS
        except _StartError as error:
            waiting[name] = error.waiting
            log.warning("%s: container %s: %s", pod_text, name, error)
            return _RETRY_SECONDS
        waiting.pop(name, None)
        return None

    def _get_back_off(self, pod: Pod, container: Container, state: PodState) -> float | None:
        """Seconds until a container that exited may start again. None when it may start now."""
        last = next(
            (
                item
                for item in state.containers
                if item.name == container.name and item.state == pod_state.EXITED
            ),
            None,
        )
        if last is None:
            return None
        finished = last.finished_at / 1e9
        key = _get_key(pod, container)
        if left := self._backoff.get_remaining_since(key, finished):
            return left
        self._backoff.record_failure(key, finished)
        return None

    def _send_failure(self, pod: Pod, container: Container, text: str) -> None:
        self._events.send_container_event(pod, container, "Warning", "Failed", f"Error: {text}")

    async def _start(
        self,
        pod: Pod,
        state: PodState,
        container: Container,
        sandbox: PodSandbox,
        secrets: list[JsonObject],
    ) -> None:
        """Raise ImageError, _StartError."""
        send_event = functools.partial(self._events.send_container_event, pod, container)
        request = ImageRequest(container.image, container.image_pull_policy or "", send_event)
        image = await self._images.ensure_image_exists(pod, request, sandbox.config, secrets)
        last = state.get_newest(container.name)
        count = last.restart_count + 1 if last else _count_from_logs(sandbox.config, container)
        try:
            volumes = await self._image_volumes.pull(pod, container, sandbox.config, secrets)
            config = await self._make_config(pod, state, container, count, image, sandbox, volumes)
        except (ContainerConfigError, VolumeError, OSError, ValueError) as error:
            self._send_failure(pod, container, str(error))
            raise _StartError("CreateContainerConfigError", str(error)) from error
        log_file = Path(sandbox.config.log_directory) / config.log_path
        await asyncio.to_thread(log_paths.make_folder, log_file.parent, self._config.pod_logs_dir)
        try:
            container_id = await self._cri.create_container(sandbox.id, config, sandbox.config)
        except RuntimeFailure as failure:
            self._send_failure(pod, container, failure.message)
            raise _StartError("CreateContainerError", failure.message) from failure
        self._events.send_container_event(pod, container, "Normal", "Created", "Container created")
        try:
            await self._cri.start_container(container_id)
        except RuntimeFailure as failure:
            self._send_failure(pod, container, failure.message)
            raise _StartError("RunContainerError", failure.message) from failure
        self._events.send_container_event(pod, container, "Normal", "Started", "Container started")
        _link_log(pod, container, container_id, log_file)
        hook = container.lifecycle.post_start if container.lifecycle is not None else None
        if hook is not None:
            await self._run_post_start_hook(pod, container, container_id, hook, sandbox.ips)

    async def _run_post_start_hook(
        self, pod: Pod, container: Container, container_id: str, hook: LifecycleHandler, ips: list[str]
    ) -> None:
        address = get_pod_address(pod, ips, self._config)
        try:
            await self._handlers.run(hook, container, container_id, address, _POST_START_SECONDS)
        except HandlerError as error:
            self._events.send_container_event(
                pod, container, "Warning", "FailedPostStartHook", "PostStartHook failed"
            )
            state = ContainerState(container_id, container.name, pod_state.RUNNING, self._cri.runtime_name)
            await self._killer.kill_container(pod, state, message="FailedPostStartHook")
            raise _StartError("PostStartHookError", f"PostStartHook failed: {error}") from error

    async def _make_config(
        self,
        pod: Pod,
        state: PodState,
        container: Container,
        count: int,
        image: pb.Image,
        sandbox: PodSandbox,
        image_volumes: Mapping[str, pb.ImageSpec],
    ) -> pb.ContainerConfig:
        env = await self._make_environment(pod, container, sandbox.ips)
        supported = wants_recursive(container) and (await self._get_features(pod)).recursive_read_only_mounts
        mounts = await asyncio.to_thread(
            self._volumes.make_mounts,
            pod,
            container,
            env,
            images=image_volumes,
            supports_recursive=supported,
        )
        mounts += await asyncio.to_thread(self._make_file_mounts, pod, container, mounts, sandbox.ips)
        target_id = ""
        if container.target_container_name:
            target = state.get_newest(container.target_container_name)
            if target is None or not target.is_running:
                raise ContainerConfigError(
                    f"unable to find target container {container.target_container_name}"
                )
            target_id = target.id
        return container_config.generate_container_config(
            pod,
            container,
            restart_count=count,
            env=env,
            image=image,
            mounts=mounts,
            devices=self._volumes.make_devices(pod, container),
            config=self._config,
            users=sandbox.config.linux.security_context.namespace_options.userns_options,
            memory_capacity=self._memory_capacity,
            target=target_id,
        )

    def _make_file_mounts(
        self, pod: Pod, container: Container, volumes: list[pb.Mount], ips: list[str]
    ) -> list[pb.Mount]:
        """Return the mounts of /etc/hosts, unless a volume is there, and of the termination message."""
        mounts = []
        container_paths = {mount.container_path for mount in volumes}
        if "/etc/hosts" not in container_paths and (ips or pod.spec.host_network):
            name, domain = dns.get_host_name(pod, self._config.cluster_domain)
            text = dns.render_hosts_file(pod, ips, name, domain)
            with self._volumes.open_pod_folder(pod.uid) as folder:
                folder.rewrite_file("etc-hosts", text.encode(), 0o644)
            file = self._volumes.get_pod_folder(pod.uid) / "etc-hosts"
            mounts.append(pb.Mount(container_path="/etc/hosts", host_path=str(file)))
        termination_log = termination_message.make_termination_log(
            pod, container, Path(self._config.root_dir)
        )
        if termination_log is not None:
            mounts.append(termination_log)
        return mounts


def _get_key(pod: Pod, container: Container) -> str:
    return f"{pod.uid}_{container.name}_{container.image}"


def _count_from_logs(config: pb.PodSandboxConfig, container: Container) -> int:
    """Return the restart count after the newest log: logs outlive containers."""
    try:
        folder, _ = log_paths.open_parent(f"{config.log_directory}/{container.name}/0.log")
        with folder:
            counts = [int(name.split(".")[0]) for name in folder.list_names() if name[0].isdigit()]
    except (OSError, ValueError):
        return 0
    return max(counts) + 1 if counts else 0


def _link_log(pod: Pod, container: Container, container_id: str, log_file: Path) -> None:
    """Link the log under the name that log collectors expect."""
    meta = pod.metadata
    name = f"{meta.name}_{meta.namespace}_{container.name}-{container_id}.log"
    try:
        with log_paths.open_links() as links:
            links.create_link(name, str(log_file))
    except OSError as error:
        log.debug("linking the log of %s: %s", name, error)
