"""runtime.v1.RuntimeService."""

from __future__ import annotations

from typing import Any, NoReturn

from kprov.kube.component_base.rpc.methods import StreamingMethod, UnaryMethod
from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.containers.exec_sync import exec_sync
from kprov.kube.cri_docker.containers.manager import ContainerManager
from kprov.kube.cri_docker.containers.stats import StatsReader
from kprov.kube.cri_docker.engine.client import Engine
from kprov.kube.cri_docker.sandboxes.manager import SandboxManager
from kprov.kube.cri_docker.service.dispatch import bind_streaming, bind_unary
from kprov.kube.cri_docker.service.events import EventReader
from kprov.kube.cri_docker.service.node_status import NodeStatus
from kprov.kube.cri_docker.streaming.server import StreamingServer
from kprov.kube.cri_docker.streaming.tokens import ExecTarget, ForwardTarget


class RuntimeService:
    """Its methods."""

    def __init__(
        self,
        engine: Engine,
        sandboxes: SandboxManager,
        containers: ContainerManager,
        node: NodeStatus,
        streaming: StreamingServer,
    ) -> None:
        self._engine = engine
        self._sandboxes = sandboxes
        self._containers = containers
        self._node = node
        self._streaming = streaming
        self._stats = StatsReader(engine, containers)
        self._events = EventReader(engine, sandboxes, containers)

    def list_methods(self) -> dict[str, UnaryMethod | StreamingMethod]:
        """Return the methods by their paths."""
        methods: dict[str, tuple[Any, Any]] = {
            "Version": (pb.VersionRequest, self._get_version),
            "Status": (pb.StatusRequest, self._get_status),
            "RuntimeConfig": (pb.RuntimeConfigRequest, self._get_config),
            "UpdateRuntimeConfig": (pb.UpdateRuntimeConfigRequest, self._update_config),
            "RunPodSandbox": (pb.RunPodSandboxRequest, self._run_sandbox),
            "StopPodSandbox": (pb.StopPodSandboxRequest, self._stop_sandbox),
            "RemovePodSandbox": (pb.RemovePodSandboxRequest, self._remove_sandbox),
            "PodSandboxStatus": (pb.PodSandboxStatusRequest, self._get_sandbox_status),
            "ListPodSandbox": (pb.ListPodSandboxRequest, self._list_sandboxes),
            "CreateContainer": (pb.CreateContainerRequest, self._create_container),
            "StartContainer": (pb.StartContainerRequest, self._start_container),
            "StopContainer": (pb.StopContainerRequest, self._stop_container),
            "RemoveContainer": (pb.RemoveContainerRequest, self._remove_container),
            "ListContainers": (pb.ListContainersRequest, self._list_containers),
            "ContainerStatus": (pb.ContainerStatusRequest, self._get_container_status),
            "UpdateContainerResources": (pb.UpdateContainerResourcesRequest, self._update_container),
            "ReopenContainerLog": (pb.ReopenContainerLogRequest, self._reopen_log),
            "ExecSync": (pb.ExecSyncRequest, self._exec_sync),
            "ContainerStats": (pb.ContainerStatsRequest, self._read_stats),
            "ListContainerStats": (pb.ListContainerStatsRequest, self._list_stats),
            "ListPodSandboxStats": (pb.ListPodSandboxStatsRequest, self._refuse_sandbox_stats),
            "Exec": (pb.ExecRequest, self._exec),
            "Attach": (pb.AttachRequest, self._attach),
            "PortForward": (pb.PortForwardRequest, self._forward),
        }
        bound: dict[str, UnaryMethod | StreamingMethod] = {
            f"/runtime.v1.RuntimeService/{name}": bind_unary(request, handle)
            for name, (request, handle) in methods.items()
        }
        events = bind_streaming(pb.GetEventsRequest, lambda _: self._events.watch())
        bound["/runtime.v1.RuntimeService/GetContainerEvents"] = events
        return bound

    async def _get_version(self, _: pb.VersionRequest) -> pb.VersionResponse:
        return await self._node.get_version()

    async def _get_status(self, _: pb.StatusRequest) -> pb.StatusResponse:
        return await self._node.get_status()

    async def _get_config(self, _: pb.RuntimeConfigRequest) -> pb.RuntimeConfigResponse:
        return await self._node.get_config()

    async def _update_config(self, _: pb.UpdateRuntimeConfigRequest) -> pb.UpdateRuntimeConfigResponse:
        """Do nothing: the pod CIDR comes with the network's configuration."""
        return pb.UpdateRuntimeConfigResponse()

    async def _run_sandbox(self, request: pb.RunPodSandboxRequest) -> pb.RunPodSandboxResponse:
        sandbox_id = await self._sandboxes.run(request.config, request.runtime_handler)
        return pb.RunPodSandboxResponse(pod_sandbox_id=sandbox_id)

    async def _stop_sandbox(self, request: pb.StopPodSandboxRequest) -> pb.StopPodSandboxResponse:
        await self._sandboxes.stop(request.pod_sandbox_id)
        return pb.StopPodSandboxResponse()

    async def _remove_sandbox(self, request: pb.RemovePodSandboxRequest) -> pb.RemovePodSandboxResponse:
        await self._sandboxes.remove(request.pod_sandbox_id)
        return pb.RemovePodSandboxResponse()

    async def _get_sandbox_status(self, request: pb.PodSandboxStatusRequest) -> pb.PodSandboxStatusResponse:
        return pb.PodSandboxStatusResponse(status=await self._sandboxes.get_status(request.pod_sandbox_id))

    async def _list_sandboxes(self, request: pb.ListPodSandboxRequest) -> pb.ListPodSandboxResponse:
        return pb.ListPodSandboxResponse(items=await self._sandboxes.list_sandboxes(request.filter))

    async def _create_container(self, request: pb.CreateContainerRequest) -> pb.CreateContainerResponse:
        container_id = await self._containers.create(
            request.pod_sandbox_id, request.config, request.sandbox_config
        )
        return pb.CreateContainerResponse(container_id=container_id)

    async def _start_container(self, request: pb.StartContainerRequest) -> pb.StartContainerResponse:
        await self._containers.start(request.container_id)
        return pb.StartContainerResponse()

    async def _stop_container(self, request: pb.StopContainerRequest) -> pb.StopContainerResponse:
        await self._containers.stop(request.container_id, request.timeout)
        return pb.StopContainerResponse()

    async def _remove_container(self, request: pb.RemoveContainerRequest) -> pb.RemoveContainerResponse:
        await self._containers.remove(request.container_id)
        return pb.RemoveContainerResponse()

    async def _list_containers(self, request: pb.ListContainersRequest) -> pb.ListContainersResponse:
        return pb.ListContainersResponse(containers=await self._containers.list_containers(request.filter))

    async def _get_container_status(self, request: pb.ContainerStatusRequest) -> pb.ContainerStatusResponse:
        return pb.ContainerStatusResponse(status=await self._containers.get_status(request.container_id))

    async def _update_container(
        self, request: pb.UpdateContainerResourcesRequest
    ) -> pb.UpdateContainerResourcesResponse:
        await self._containers.update(request.container_id, request.linux)
        return pb.UpdateContainerResourcesResponse()

    async def _reopen_log(self, request: pb.ReopenContainerLogRequest) -> NoReturn:
        inspected = await self._containers.inspect(request.container_id)
        if not inspected["State"]["Running"]:
            raise RpcError(Code.FAILED_PRECONDITION, "container is not running")
        text = "docker does not support reopening container log files: set max-size and max-file in log-opts"
        raise RpcError(Code.UNIMPLEMENTED, text)

    async def _exec_sync(self, request: pb.ExecSyncRequest) -> pb.ExecSyncResponse:
        inspected = await self._containers.inspect(request.container_id)
        return await exec_sync(self._engine, inspected["Id"], request.cmd, request.timeout)

    async def _read_stats(self, request: pb.ContainerStatsRequest) -> pb.ContainerStatsResponse:
        return pb.ContainerStatsResponse(stats=await self._stats.read(request.container_id))

    async def _list_stats(self, request: pb.ListContainerStatsRequest) -> pb.ListContainerStatsResponse:
        return pb.ListContainerStatsResponse(stats=await self._stats.read_all(request.filter))

    async def _refuse_sandbox_stats(self, _: pb.ListPodSandboxStatsRequest) -> NoReturn:
        raise RpcError(Code.UNIMPLEMENTED, "stats of sandboxes are not implemented")

    async def _exec(self, request: pb.ExecRequest) -> pb.ExecResponse:
        inspected = await self._inspect_running(request.container_id)
        target = ExecTarget(
            inspected["Id"],
            tuple(request.cmd),
            stdin=request.stdin,
            stdout=request.stdout,
            stderr=request.stderr,
            tty=request.tty,
        )
        return pb.ExecResponse(url=self._streaming.make_url(target))

    async def _attach(self, request: pb.AttachRequest) -> pb.AttachResponse:
        inspected = await self._inspect_running(request.container_id)
        target = ExecTarget(
            inspected["Id"],
            (),
            stdin=request.stdin,
            stdout=request.stdout,
            stderr=request.stderr,
            tty=bool(inspected["Config"].get("Tty")),
        )
        return pb.AttachResponse(url=self._streaming.make_url(target))

    async def _forward(self, request: pb.PortForwardRequest) -> pb.PortForwardResponse:
        namespace = await self._sandboxes.find_namespace(request.pod_sandbox_id)
        return pb.PortForwardResponse(url=self._streaming.make_url(ForwardTarget(namespace)))

    async def _inspect_running(self, container_id: str) -> dict[str, Any]:
        inspected = await self._containers.inspect(container_id)
        if not inspected["State"]["Running"]:
            raise RpcError(Code.FAILED_PRECONDITION, f"container {container_id} is not running")
        return inspected
