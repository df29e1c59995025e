"""Events of containers, so that a kubelet need not list them every second.

cri-dockerd has none. Docker's events carry the labels of their container.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import orjson

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.containers.manager import ContainerManager
from kprov.kube.cri_docker.engine.client import Engine
from kprov.kube.cri_docker.sandboxes.manager import SandboxManager
from kprov.kube.cri_docker.translation import labels
from kprov.kube.cri_docker.translation.names import parse_sandbox_name

_TYPES: Final = {
    "create": pb.CONTAINER_CREATED_EVENT,
    "start": pb.CONTAINER_STARTED_EVENT,
    "die": pb.CONTAINER_STOPPED_EVENT,
    "destroy": pb.CONTAINER_DELETED_EVENT,
}
_MAX_LINE_BYTES: Final = 4 * 1024 * 1024


class EventReader:
    """Reads Docker's events and adds the status of their pods."""

    def __init__(self, engine: Engine, sandboxes: SandboxManager, containers: ContainerManager) -> None:
        self._engine = engine
        self._sandboxes = sandboxes
        self._containers = containers

    async def watch(self) -> AsyncIterator[pb.ContainerEventResponse]:
        """Yield events from now on, without an end."""
        filters = {"type": ["container"], "event": list(_TYPES), "label": [labels.TYPE]}
        async with self._engine.stream("GET", "/events", filters=filters) as pieces:
            line = b""
            async for piece in pieces:
                *lines, line = (line + piece).split(b"\n")
                for complete in lines:
                    if complete.strip():
                        yield await self._make_event(orjson.loads(complete))
                if len(line) > _MAX_LINE_BYTES:
                    raise RpcError(Code.INTERNAL, "an event of Docker is too long")
        raise RpcError(Code.UNAVAILABLE, "Docker has ended the stream of events")

    async def _make_event(self, document: Mapping[str, Any]) -> pb.ContainerEventResponse:
        container_id, attributes = document["Actor"]["ID"], document["Actor"]["Attributes"]
        event = pb.ContainerEventResponse(
            container_id=container_id,
            container_event_type=_TYPES.get(document["Action"], pb.CONTAINER_CREATED_EVENT),
            created_at=int(document["timeNano"]),
        )
        sandbox_id = attributes.get(labels.SANDBOX_ID, container_id)
        try:
            event.pod_sandbox_status.CopyFrom(await self._sandboxes.get_status(sandbox_id))
        except RpcError:
            # It is gone. Who the pod was stands in the container's name.
            event.pod_sandbox_status.CopyFrom(_make_lost_sandbox(sandbox_id, attributes.get("name", "")))
        of_sandbox = pb.ContainerFilter(pod_sandbox_id=sandbox_id)
        containers = await self._containers.list_containers(of_sandbox)
        statuses = await asyncio.gather(
            *(self._containers.get_status(container.id) for container in containers), return_exceptions=True
        )
        event.containers_statuses.extend(
            status for status in statuses if isinstance(status, pb.ContainerStatus)
        )
        return event


def _make_lost_sandbox(sandbox_id: str, name: str) -> pb.PodSandboxStatus:
    try:
        metadata = parse_sandbox_name(name)
    except ValueError:
        metadata = pb.PodSandboxMetadata()
    metadata.attempt = 0
    return pb.PodSandboxStatus(id=sandbox_id, metadata=metadata, state=pb.SANDBOX_NOTREADY)
