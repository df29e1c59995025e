"""Runs, stops, removes and lists sandboxes (cri-dockerd: core/sandbox_*.go)."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, Final

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.engine.client import Engine
from kprov.kube.cri_docker.engine.containers import (
    create_container,
    inspect_container,
    list_containers,
    remove_container,
    start_container,
    stop_container,
)
from kprov.kube.cri_docker.images.manager import ImageManager
from kprov.kube.cri_docker.network.manager import Attachment, NetworkManager
from kprov.kube.cri_docker.network.plugin import NetworkError
from kprov.kube.cri_docker.sandboxes.configuration import (
    make_port_mappings,
    make_sandbox,
    render_resolv_conf,
)
from kprov.kube.cri_docker.sandboxes.status import make_listed_sandbox, make_sandbox_status
from kprov.kube.cri_docker.translation import labels
from kprov.kube.cri_docker.translation.host import Host
from kprov.kube.cri_docker.translation.names import make_sandbox_name

log = logging.getLogger(__name__)

#: How long the pause program may take to end.
_STOP_SECONDS: Final = 10
#: A handler that names the default runtime, as cri-dockerd has it.
_DOCKER: Final = "docker"


class SandboxManager:
    """The sandboxes of one engine."""

    def __init__(
        self,
        engine: Engine,
        images: ImageManager,
        network: NetworkManager,
        *,
        pause_image: str,
        lowest_oom_score: int,
    ) -> None:
        self._engine = engine
        self._images = images
        self._network = network
        self._pause_image = pause_image
        self._lowest_oom_score = lowest_oom_score

    async def run(self, config: pb.PodSandboxConfig, handler: str) -> str:
        """Return the identifier of a sandbox that is ready.

        RpcError: also if the network could not be set up. Then the sandbox is removed again.
        """
        info = await self._engine.get("/info")
        handler = "" if handler == _DOCKER else handler
        if handler and handler not in (info.get("Runtimes") or {}):
            raise RpcError(Code.INVALID_ARGUMENT, f'RuntimeHandler "{handler}" not supported')
        version = await self._engine.get_api_version()
        host = Host(version, info.get("CgroupDriver", ""), self._lowest_oom_score)
        body = make_sandbox(config, image=self._pause_image, host=host, handler=handler)
        if await self._images.inspect(self._pause_image) is None:
            await self._images.pull(self._pause_image, None)
        sandbox_id = await create_container(self._engine, make_sandbox_name(config.metadata), body)
        try:
            await self._start(sandbox_id, config)
        except BaseException:
            # Also of a call that was cancelled. The kubelet makes another sandbox.
            await asyncio.shield(self._discard(sandbox_id))
            raise
        return sandbox_id

    async def _start(self, sandbox_id: str, config: pb.PodSandboxConfig) -> None:
        await start_container(self._engine, sandbox_id)
        inspected = await inspect_container(self._engine, sandbox_id)
        if config.HasField("dns_config"):
            # Docker mounts this file in the containers of the pod, too.
            text = render_resolv_conf(config.dns_config)
            await asyncio.to_thread(_write_over, Path(inspected["ResolvConfPath"]), text)
        if config.linux.security_context.namespace_options.network == pb.NODE:
            return
        metadata = config.metadata
        attachment = Attachment(
            sandbox_id, metadata.name, metadata.namespace, metadata.uid, make_port_mappings(config)
        )
        try:
            await self._network.attach(attachment, _namespace_of(inspected))
        except NetworkError as error:
            text = (
                f'failed to set up sandbox container "{sandbox_id}" network for pod "{metadata.name}":'
                f" {error}"
            )
            raise RpcError(Code.UNKNOWN, text) from error

    async def _discard(self, sandbox_id: str) -> None:
        try:
            await self._detach(sandbox_id)
        except NetworkError as error:
            log.warning("the network of %s, which failed: %s", sandbox_id, error)
        await remove_container(self._engine, sandbox_id)

    async def stop(self, sandbox_id: str) -> None:
        """Kill its containers, detach it and stop it. Success if it does not exist. RpcError."""
        for container in await self._list_containers(sandbox_id):
            if container["State"] == "running":
                await stop_container(self._engine, container["Id"], 0)
        try:
            await self._detach(sandbox_id)
        except NetworkError as error:
            text = f'failed to tear down the network of sandbox "{sandbox_id}": {error}'
            raise RpcError(Code.UNKNOWN, text) from error
        await stop_container(self._engine, sandbox_id, _STOP_SECONDS)

    async def remove(self, sandbox_id: str) -> None:
        """Stop it and remove it with its containers. Success if it does not exist. RpcError."""
        await self.stop(sandbox_id)
        for container in await self._list_containers(sandbox_id):
            await remove_container(self._engine, container["Id"])
        await remove_container(self._engine, sandbox_id)

    async def get_status(self, sandbox_id: str) -> pb.PodSandboxStatus:
        """RpcError NOT_FOUND: also for a container that is no sandbox."""
        inspected = await inspect_container(self._engine, sandbox_id)
        if (inspected["Config"].get("Labels") or {}).get(labels.TYPE) != labels.SANDBOX:
            raise RpcError(Code.NOT_FOUND, f"{sandbox_id} is no sandbox")
        addresses = self._network.list_addresses(inspected["Id"]) if inspected["State"]["Running"] else []
        return make_sandbox_status(inspected, addresses)

    async def find_namespace(self, sandbox_id: str) -> str:
        """Return the path of its network namespace. RpcError: it does not exist or run."""
        inspected = await inspect_container(self._engine, sandbox_id)
        if not inspected["State"]["Running"]:
            raise RpcError(Code.FAILED_PRECONDITION, f"sandbox {sandbox_id} is not running")
        return _namespace_of(inspected)

    async def list_sandboxes(self, wanted: pb.PodSandboxFilter) -> list[pb.PodSandbox]:
        """Return those that pass the filter. An identifier may be the beginning of one."""
        filters = labels.make_filters(labels.SANDBOX, wanted.label_selector)
        if wanted.id:
            filters["id"] = [wanted.id]
        sandboxes = []
        for listed in await list_containers(self._engine, filters):
            try:
                sandbox = make_listed_sandbox(listed)
            except ValueError as error:
                log.debug("skipping a sandbox: %s", error)
                continue
            if not wanted.HasField("state") or sandbox.state == wanted.state.state:
                sandboxes.append(sandbox)
        return sandboxes

    async def _detach(self, sandbox_id: str) -> None:
        try:
            inspected = await inspect_container(self._engine, sandbox_id)
        except RpcError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            await self._network.detach(sandbox_id, "")
        else:
            await self._network.detach(inspected["Id"], _namespace_of(inspected))

    async def _list_containers(self, sandbox_id: str) -> list[dict[str, Any]]:
        filters = labels.make_filters(labels.CONTAINER, {labels.SANDBOX_ID: sandbox_id})
        return await list_containers(self._engine, filters)


def _namespace_of(inspected: dict[str, Any]) -> str:
    """Return the path of its network namespace, "" if it does not run."""
    process = int(inspected["State"]["Pid"])
    return f"/proc/{process}/ns/net" if process else ""


def _write_over(path: Path, text: str) -> None:
    """Change a file in its place: it is mounted."""
    with path.open("r+", encoding="utf-8") as file:
        file.truncate()
        file.write(text)
