"""What CRI says of the engine as a whole."""

from __future__ import annotations

from typing import Final

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.containers.mounts import RECURSIVE_READ_ONLY
from kprov.kube.cri_docker.engine.client import Engine
from kprov.kube.cri_docker.engine.errors import EngineError, EngineUnavailableError
from kprov.kube.cri_docker.network.manager import NetworkManager

#: Of CRI's requests, as all runtimes answer it.
_KUBE_API_VERSION: Final = "0.1.0"
_RUNTIME_NAME: Final = "docker"


class NodeStatus:
    """Version, conditions and configuration."""

    def __init__(self, engine: Engine, network: NetworkManager) -> None:
        self._engine = engine
        self._network = network

    async def get_version(self) -> pb.VersionResponse:
        """Return the engine's versions."""
        document = await self._engine.get("/version")
        return pb.VersionResponse(
            version=_KUBE_API_VERSION,
            runtime_name=_RUNTIME_NAME,
            runtime_version=document["Version"],
            runtime_api_version=f"{document['ApiVersion']}.0",
        )

    async def get_status(self) -> pb.StatusResponse:
        """Return the conditions: a missing engine or network is one, not an error."""
        runtime = pb.RuntimeCondition(type="RuntimeReady", status=True)
        can_mount_recursively = False
        try:
            await self._engine.get("/info")
            can_mount_recursively = await self._engine.get_api_version() >= RECURSIVE_READ_ONLY
        except (EngineError, EngineUnavailableError) as error:
            runtime = pb.RuntimeCondition(
                type="RuntimeReady", reason="DockerDaemonNotReady", message=f"docker: {error}"
            )
        network = pb.RuntimeCondition(type="NetworkReady", status=True)
        if (problem := self._network.find_problem()) is not None:
            text = f"docker: network plugin is not ready: {problem}"
            network = pb.RuntimeCondition(type="NetworkReady", reason="NetworkPluginNotReady", message=text)
        features = pb.RuntimeHandlerFeatures(recursive_read_only_mounts=can_mount_recursively)
        return pb.StatusResponse(
            status=pb.RuntimeStatus(conditions=[runtime, network]),
            runtime_handlers=[pb.RuntimeHandler(name="", features=features)],
        )

    async def get_config(self) -> pb.RuntimeConfigResponse:
        """Return the driver of cgroups, which the kubelet takes over."""
        info = await self._engine.get("/info")
        driver = pb.SYSTEMD if info.get("CgroupDriver") == "systemd" else pb.CGROUPFS
        return pb.RuntimeConfigResponse(linux=pb.LinuxRuntimeConfiguration(cgroup_driver=driver))
