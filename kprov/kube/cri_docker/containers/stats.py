"""Resource use of containers (cri-dockerd: core/stats*.go)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.containers.manager import ContainerManager
from kprov.kube.cri_docker.engine.client import Engine
from kprov.kube.cri_docker.engine.containers import inspect_container
from kprov.kube.cri_docker.engine.errors import EngineError
from kprov.kube.cri_docker.translation.times import parse_time

#: Docker walks through a container's files to measure them.
_SIZE_SECONDS: Final = 60.0
#: From this version on Docker does not wait a second for a second sample.
_ONE_SHOT: Final = (1, 41)


class StatsReader:
    """Reads the use of CPU, memory and disk."""

    def __init__(self, engine: Engine, containers: ContainerManager) -> None:
        self._engine = engine
        self._containers = containers
        self._mountpoint = ""
        #: Container > (time of the loop, bytes of the writable layer).
        self._sizes: dict[str, tuple[float, int]] = {}

    async def read(self, container_id: str) -> pb.ContainerStats:
        """RpcError NOT_FOUND."""
        containers = await self._containers.list_containers(pb.ContainerFilter(id=container_id))
        if len(containers) != 1:
            raise RpcError(Code.NOT_FOUND, f"no such container: {container_id}")
        return await self._read(containers[0])

    async def read_all(self, wanted: pb.ContainerStatsFilter) -> list[pb.ContainerStats]:
        """Return the stats of running containers. Those that end meanwhile are left out."""
        running = pb.ContainerFilter(
            id=wanted.id,
            pod_sandbox_id=wanted.pod_sandbox_id,
            label_selector=dict(wanted.label_selector),
            state=pb.ContainerStateValue(state=pb.CONTAINER_RUNNING),
        )
        containers = await self._containers.list_containers(running)
        results = await asyncio.gather(*map(self._read_existing, containers))
        if not wanted.id and not wanted.pod_sandbox_id and not wanted.label_selector:
            known = {container.id for container in containers}
            self._sizes = {key: value for key, value in self._sizes.items() if key in known}
        return [stats for stats in results if stats is not None]

    async def _read_existing(self, container: pb.Container) -> pb.ContainerStats | None:
        try:
            return await self._read(container)
        except EngineError as error:
            if error.status == 404:
                return None
            raise
        except RpcError as error:
            if error.code is Code.NOT_FOUND:
                return None
            raise

    async def _read(self, container: pb.Container) -> pb.ContainerStats:
        parameters = {"stream": False}
        if await self._engine.get_api_version() >= _ONE_SHOT:
            parameters["one_shot"] = True
        sample = await self._engine.get(f"/containers/{container.id}/stats", **parameters)
        stats = make_stats(container, sample)
        stats.writable_layer.timestamp = time.time_ns()
        mountpoint = await self._get_mountpoint()
        stats.writable_layer.fs_id.CopyFrom(pb.FilesystemIdentifier(mountpoint=mountpoint))
        stats.writable_layer.used_bytes.value = await self._get_size(container.id)
        return stats

    async def _get_mountpoint(self) -> str:
        if not self._mountpoint:
            self._mountpoint = str((await self._engine.get("/info"))["DockerRootDir"])
        return self._mountpoint

    async def _get_size(self, container_id: str) -> int:
        now = asyncio.get_running_loop().time()
        kept = self._sizes.get(container_id)
        if kept is not None and now - kept[0] < _SIZE_SECONDS:
            return kept[1]
        inspected = await inspect_container(self._engine, container_id, size=True)
        size = int(inspected.get("SizeRw") or 0)
        self._sizes[container_id] = (now, size)
        return size


def make_stats(container: pb.Container, sample: Mapping[str, Any]) -> pb.ContainerStats:
    """Return CPU and memory of a sample of /containers/ID/stats. All is 0 for a container that has ended."""
    stamp = parse_time(str(sample.get("read"))) or time.time_ns()
    memory = sample.get("memory_stats") or {}
    details = memory.get("stats") or {}
    usage = int(memory.get("usage") or 0)
    # What the kernel could free soon is no part of the working set (cgroup v1, v2).
    inactive = int(details.get("total_inactive_file", details.get("inactive_file", 0)))
    limit = int(memory.get("limit") or 0)
    working_set = max(0, usage - inactive)
    cpu = int(((sample.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage") or 0)
    stats = pb.ContainerStats(
        attributes=pb.ContainerAttributes(
            id=container.id,
            metadata=container.metadata,
            labels=dict(container.labels),
            annotations=dict(container.annotations),
        ),
        cpu=pb.CpuUsage(timestamp=stamp, usage_core_nano_seconds=pb.UInt64Value(value=cpu)),
        memory=pb.MemoryUsage(
            timestamp=stamp,
            usage_bytes=pb.UInt64Value(value=usage),
            working_set_bytes=pb.UInt64Value(value=working_set),
            rss_bytes=pb.UInt64Value(value=int(details.get("total_rss", details.get("anon", 0)))),
            page_faults=pb.UInt64Value(value=int(details.get("pgfault", 0))),
            major_page_faults=pb.UInt64Value(value=int(details.get("pgmajfault", 0))),
        ),
    )
    if limit:
        stats.memory.available_bytes.value = max(0, limit - working_set)
    return stats
