"""Periodic clean-up: pods and containers that nobody needs, logs that are too large (HandlePodCleanups)."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path

from kprov.kube.api.meta import PodUID
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri.client import CriClient
from kprov.kube.kubelet.cri.pod_state import PodState
from kprov.kube.kubelet.logs import log_paths, log_rotation
from kprov.kube.kubelet.pod_workers import TERMINATED, PodWorker
from kprov.kube.kubelet.pods.pod_manager import PodManager
from kprov.kube.kubelet.runtime.manager import RuntimeManager
from kprov.kube.kubelet.volumes.manager import VolumeManager

log = logging.getLogger(__name__)


class Housekeeper:
    """Removes what the runtime and the disk have of pods that this node does not run."""

    def __init__(
        self,
        *,
        config: KubeletConfiguration,
        cri: CriClient,
        pods: PodManager,
        workers: Mapping[PodUID, PodWorker],
        runtime: RuntimeManager,
        volumes: VolumeManager,
    ) -> None:
        self._config = config
        self._cri = cri
        self._pods = pods
        self._workers = workers
        self._runtime = runtime
        self._volumes = volumes

    def _is_known(self, uid: PodUID) -> bool:
        return uid in self._workers or self._pods.has_pod(uid)

    async def remove_orphans(self) -> None:
        """End the pods that the runtime or the disk has and this node should not have."""
        handled: set[PodUID] = set()
        for sandbox in await self._cri.list_pod_sandboxes():
            meta = sandbox.metadata
            uid = PodUID(meta.uid)
            if uid in handled or self._is_known(uid):
                continue
            log.info("ending unknown pod %s/%s (%s)", meta.namespace, meta.name, uid)
            state = await pod_state.read_pod_state(self._cri, uid)
            for container in state.list_running():
                await self._cri.stop_container(container.id, 1)
            await self._runtime.remove_pod(state)
            handled.add(uid)
        for uid in await asyncio.to_thread(self._volumes.list_pod_folders):
            if not self._is_known(uid):
                try:
                    await self._volumes.remove_pod_folder(uid)
                    self._runtime.release_user_namespace(uid)
                except OSError as error:
                    log.warning("removing the folder of unknown pod %s: %s", uid, error)
        await asyncio.to_thread(_remove_dead_links)

    async def rotate_logs(self) -> None:
        """Rotate logs of running containers that are larger than containerLogMaxSize."""
        for uid in list(self._workers):
            for container in (await pod_state.read_pod_state(self._cri, uid)).containers:
                if container.is_running and await asyncio.to_thread(
                    log_rotation.needs_rotation, container.log_path, self._config
                ):
                    await asyncio.to_thread(log_rotation.rotate, container.log_path, self._config)
                    await self._cri.reopen_container_log(container.id)

    async def remove_dead_containers(self) -> None:
        """Keep the newest dead container of each name in pods that live (MaxPerPodContainer 1)."""
        for uid in list(self._workers):
            worker = self._workers.get(uid)
            if worker is None or worker.stage == TERMINATED:
                continue
            state = await pod_state.read_pod_state(self._cri, uid)
            await self._remove_older_containers(state)
            for sandbox in state.sandboxes[1:]:
                is_used = any(item.sandbox_id == sandbox.id for item in state.containers)
                if not sandbox.ready and not is_used:
                    await self._cri.remove_pod_sandbox(sandbox.id)

    async def _remove_older_containers(self, state: PodState) -> None:
        names: set[str] = set()
        for container in state.containers:
            if container.state != pod_state.EXITED:
                continue
            if container.name in names:
                await self._cri.remove_container(container.id)
                with contextlib.suppress(OSError):
                    _remove_log(container.log_path)
            names.add(container.name)


def _remove_log(path: str) -> None:
    folder, name = log_paths.open_parent(path)
    with folder:
        folder.unlink(name)


def _remove_dead_links() -> None:
    with log_paths.open_links() as links:
        for name in links.list_names():
            target = links.read_link(name)
            if target is not None and not Path(target).exists():
                links.unlink(name)
