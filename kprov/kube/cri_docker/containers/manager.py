"""Creates, starts, stops, removes and lists containers (cri-dockerd: core/container_*.go)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.containers.configuration import make_container
from kprov.kube.cri_docker.containers.log_link import create_log_link, remove_log_link
from kprov.kube.cri_docker.containers.mounts import create_sources
from kprov.kube.cri_docker.containers.status import make_container_status, make_listed_container
from kprov.kube.cri_docker.engine.client import Engine, quote_name
from kprov.kube.cri_docker.engine.containers import (
    create_container,
    inspect_container,
    list_containers,
    remove_container,
    start_container,
    stop_container,
)
from kprov.kube.cri_docker.images.manager import ImageManager
from kprov.kube.cri_docker.translation import labels
from kprov.kube.cri_docker.translation.host import Host
from kprov.kube.cri_docker.translation.names import make_container_name
from kprov.kube.cri_docker.translation.resources import make_limits

log = logging.getLogger(__name__)


class ContainerManager:
    """The containers of one engine."""

    def __init__(self, engine: Engine, images: ImageManager, *, lowest_oom_score: int) -> None:
        self._engine = engine
        self._images = images
        self._lowest_oom_score = lowest_oom_score

    async def create(
        self, sandbox_id: str, config: pb.ContainerConfig, sandbox_config: pb.PodSandboxConfig
    ) -> str:
        """Return the identifier. RpcError."""
        sandbox = await inspect_container(self._engine, sandbox_id)
        if not sandbox["State"]["Running"]:
            raise RpcError(Code.FAILED_PRECONDITION, f"sandbox {sandbox_id} is not running")
        info = await self._engine.get("/info")
        version = await self._engine.get_api_version()
        host = Host(version, info.get("CgroupDriver", ""), self._lowest_oom_score)
        body = make_container(config, sandbox_config, sandbox, host)
        await asyncio.to_thread(create_sources, config.mounts)
        name = make_container_name(config.metadata, sandbox_config.metadata)
        return await create_container(self._engine, name, body)

    async def start(self, container_id: str) -> None:
        """Start it, and link its log, also if it cannot be started: Docker has logged why."""
        inspected = await self.inspect(container_id)
        if inspected["State"]["Running"]:
            raise RpcError(Code.FAILED_PRECONDITION, f"container {container_id} is running")
        try:
            await start_container(self._engine, container_id)
        finally:
            # Docker names the file at the first start.
            inspected = await inspect_container(self._engine, container_id)
            path = (inspected["Config"].get("Labels") or {}).get(labels.LOG_PATH, "")
            try:
                await asyncio.to_thread(create_log_link, path, inspected.get("LogPath", ""))
            except OSError as error:
                text = f"failed to link the log {path}: {error}"
                raise RpcError(Code.UNKNOWN, text) from error

    async def stop(self, container_id: str, seconds: int) -> None:
        """Send the stop signal, and kill after so many seconds. Success if it does not exist or run."""
        await stop_container(self._engine, container_id, seconds)

    async def remove(self, container_id: str) -> None:
        """Kill and remove it, and the link to its log. Success if it does not exist."""
        try:
            inspected = await inspect_container(self._engine, container_id)
        except RpcError as error:
            if error.code is Code.NOT_FOUND:
                return
            raise
        path = (inspected["Config"].get("Labels") or {}).get(labels.LOG_PATH, "")
        try:
            await asyncio.to_thread(remove_log_link, path)
        except OSError as error:
            # What stands there instead of the pod's folder is not this program's.
            log.warning("removing the link to the log %s: %s", path, error)
        await remove_container(self._engine, container_id)

    async def inspect(self, container_id: str) -> dict[str, Any]:
        """Return Docker's document. RpcError NOT_FOUND: also for what is no container of a pod."""
        inspected = await inspect_container(self._engine, container_id)
        if (inspected["Config"].get("Labels") or {}).get(labels.TYPE) != labels.CONTAINER:
            raise RpcError(Code.NOT_FOUND, f"{container_id} is no container of a pod")
        return inspected

    async def get_status(self, container_id: str) -> pb.ContainerStatus:
        """RpcError NOT_FOUND."""
        inspected = await self.inspect(container_id)
        return make_container_status(inspected, await self._images.inspect(inspected["Image"]))

    async def list_containers(self, wanted: pb.ContainerFilter) -> list[pb.Container]:
        """Return those that pass the filter. An identifier may be the beginning of one."""
        more = [f"{labels.SANDBOX_ID}={wanted.pod_sandbox_id}"] if wanted.pod_sandbox_id else []
        filters = labels.make_filters(labels.CONTAINER, wanted.label_selector, more)
        if wanted.id:
            filters["id"] = [wanted.id]
        containers = []
        for listed in await list_containers(self._engine, filters):
            try:
                container = make_listed_container(listed)
            except ValueError as error:
                log.debug("skipping a container: %s", error)
                continue
            if not wanted.HasField("state") or container.state == wanted.state.state:
                containers.append(container)
        return containers

    async def update(self, container_id: str, resources: pb.LinuxContainerResources) -> None:
        """Change its limits. RpcError."""
        inspected = await self.inspect(container_id)
        limits = make_limits(resources)
        if not limits:
            return
        await self._engine.post(f"/containers/{quote_name(inspected['Id'])}/update", limits)
