"""Calls to the container runtime over its socket (CRI v1).

Source of the contract: k8s.io/cri-api. Times in answers are Unix nanoseconds.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from kprov.kube.component_base.rpc.channel import Channel
from kprov.kube.component_base.rpc.status import RpcError
from kprov.kube.cri import runtime_pb2 as pb

# As upstream: 2 minutes for most calls (runtimeRequestTimeout). Pulls of large images take longer.
_DEFAULT_TIMEOUT: Final = 120.0
_PULL_TIMEOUT: Final = 1800.0
_UNIX: Final = "unix://"


class RuntimeFailure(Exception):  # noqa: N818  gRPC calls it a status
    """The runtime refused a call or could not be reached. `code` is gRPC's, such as NOT_FOUND."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"rpc error: code = {_go_code(self.code)} desc = {self.message}"


def _go_code(code: str) -> str:
    return "".join(part.capitalize() for part in code.split("_"))


class CriClient:
    """Both services of one runtime. `endpoint` such as unix:///run/containerd/containerd.sock."""

    def __init__(self, endpoint: str, *, timeout: float = _DEFAULT_TIMEOUT) -> None:
        self._channel = Channel.of_socket(endpoint.removeprefix(_UNIX))
        self._timeout = timeout
        self._methods: dict[str, bytes] = {}
        #: Such as containerd, from the last Version; container ids in statuses begin with it.
        self.runtime_name = ""
        self.runtime_version = ""

    async def close(self) -> None:
        await self._channel.close()

    async def _call(self, method: str, request: Any, answer: Any, timeout: float | None = None) -> Any:
        begin = self._methods.get(method)
        if begin is None:
            service = "ImageService" if "Image" in method else "RuntimeService"
            begin = self._methods[method] = self._channel.encode_method(f"/runtime.v1.{service}/{method}")
        message = request.SerializeToString()
        try:
            data = await self._channel.call_unary(begin, message, timeout=timeout or self._timeout)
        except RpcError as error:
            raise RuntimeFailure(error.code.name, error.details) from error
        return answer.FromString(data)

    async def version(self) -> pb.VersionResponse:
        answer = await self._call("Version", pb.VersionRequest(version="v1"), pb.VersionResponse)
        self.runtime_name, self.runtime_version = answer.runtime_name, answer.runtime_version
        return answer  # type: ignore[no-any-return]

    async def status(self) -> pb.StatusResponse:
        return await self._call("Status", pb.StatusRequest(), pb.StatusResponse, 10)  # type: ignore[no-any-return]

    async def runtime_config(self) -> pb.RuntimeConfigResponse:
        return await self._call("RuntimeConfig", pb.RuntimeConfigRequest(), pb.RuntimeConfigResponse)  # type: ignore[no-any-return]

    async def run_pod_sandbox(self, config: pb.PodSandboxConfig, handler: str = "") -> str:
        request = pb.RunPodSandboxRequest(config=config, runtime_handler=handler)
        # Twice the usual time, as upstream: the runtime sets up the pod network in this call.
        answer = await self._call(
            "RunPodSandbox", request, pb.RunPodSandboxResponse, timeout=2 * self._timeout
        )
        return str(answer.pod_sandbox_id)

    async def stop_pod_sandbox(self, sandbox: str) -> None:
        await self._call_unless_gone(
            "StopPodSandbox", pb.StopPodSandboxRequest(pod_sandbox_id=sandbox), pb.StopPodSandboxResponse
        )

    async def remove_pod_sandbox(self, sandbox: str) -> None:
        await self._call_unless_gone(
            "RemovePodSandbox",
            pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox),
            pb.RemovePodSandboxResponse,
        )

    async def pod_sandbox_status(self, sandbox: str) -> pb.PodSandboxStatus:
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox)
        answer = await self._call("PodSandboxStatus", request, pb.PodSandboxStatusResponse)
        return answer.status  # type: ignore[no-any-return]

    async def list_pod_sandboxes(self, labels: Mapping[str, str] | None = None) -> Sequence[pb.PodSandbox]:
        request = pb.ListPodSandboxRequest(filter=pb.PodSandboxFilter(label_selector=labels or {}))
        answer = await self._call("ListPodSandbox", request, pb.ListPodSandboxResponse)
        return answer.items  # type: ignore[no-any-return]

    async def create_container(
        self, sandbox: str, config: pb.ContainerConfig, sandbox_config: pb.PodSandboxConfig
    ) -> str:
        request = pb.CreateContainerRequest(
            pod_sandbox_id=sandbox, config=config, sandbox_config=sandbox_config
        )
        answer = await self._call("CreateContainer", request, pb.CreateContainerResponse)
        return str(answer.container_id)

    async def start_container(self, container: str) -> None:
        await self._call(
            "StartContainer", pb.StartContainerRequest(container_id=container), pb.StartContainerResponse
        )

    async def stop_container(self, container: str, grace_seconds: int) -> None:
        """Send the stop signal, wait `grace_seconds`, kill. Does nothing if the container is gone."""
        request = pb.StopContainerRequest(container_id=container, timeout=grace_seconds)
        await self._call_unless_gone(
            "StopContainer", request, pb.StopContainerResponse, timeout=self._timeout + grace_seconds
        )

    async def remove_container(self, container: str) -> None:
        await self._call_unless_gone(
            "RemoveContainer", pb.RemoveContainerRequest(container_id=container), pb.RemoveContainerResponse
        )

    async def list_containers(self, labels: Mapping[str, str] | None = None) -> Sequence[pb.Container]:
        request = pb.ListContainersRequest(filter=pb.ContainerFilter(label_selector=labels or {}))
        answer = await self._call("ListContainers", request, pb.ListContainersResponse)
        return answer.containers  # type: ignore[no-any-return]

    async def container_status(self, container: str) -> pb.ContainerStatus:
        request = pb.ContainerStatusRequest(container_id=container)
        answer = await self._call("ContainerStatus", request, pb.ContainerStatusResponse)
        return answer.status  # type: ignore[no-any-return]

    async def exec_sync(
        self, container: str, command: Sequence[str], timeout: float
    ) -> tuple[bytes, bytes, int]:
        """(stdout, stderr, exit code). Raises RuntimeFailure DEADLINE_EXCEEDED after `timeout` seconds."""
        request = pb.ExecSyncRequest(container_id=container, cmd=command, timeout=max(1, round(timeout)))
        # The runtime ends the command itself. Our own limit is for a runtime that hangs.
        answer = await self._call("ExecSync", request, pb.ExecSyncResponse, timeout=timeout + 10)
        return answer.stdout, answer.stderr, answer.exit_code

    async def exec_url(self, request: pb.ExecRequest) -> str:
        return str((await self._call("Exec", request, pb.ExecResponse)).url)

    async def attach_url(self, request: pb.AttachRequest) -> str:
        return str((await self._call("Attach", request, pb.AttachResponse)).url)

    async def port_forward_url(self, sandbox: str, ports: Sequence[int]) -> str:
        request = pb.PortForwardRequest(pod_sandbox_id=sandbox, port=ports)
        return str((await self._call("PortForward", request, pb.PortForwardResponse)).url)

    async def reopen_container_log(self, container: str) -> None:
        request = pb.ReopenContainerLogRequest(container_id=container)
        await self._call("ReopenContainerLog", request, pb.ReopenContainerLogResponse)

    async def list_container_stats(self) -> Sequence[pb.ContainerStats]:
        answer = await self._call(
            "ListContainerStats", pb.ListContainerStatsRequest(), pb.ListContainerStatsResponse
        )
        return answer.stats  # type: ignore[no-any-return]

    async def image_status(self, image: str) -> pb.Image | None:
        """Return the image, None if the runtime does not have it."""
        request = pb.ImageStatusRequest(image=pb.ImageSpec(image=image))
        answer = await self._call("ImageStatus", request, pb.ImageStatusResponse)
        return answer.image if answer.HasField("image") and answer.image.id else None

    async def list_images(self) -> Sequence[pb.Image]:
        return (await self._call("ListImages", pb.ListImagesRequest(), pb.ListImagesResponse)).images  # type: ignore[no-any-return]

    async def pull_image(self, image: str, auth: pb.AuthConfig | None, sandbox: pb.PodSandboxConfig) -> str:
        """Return the reference of the pulled image."""
        request = pb.PullImageRequest(image=pb.ImageSpec(image=image), auth=auth, sandbox_config=sandbox)
        answer = await self._call("PullImage", request, pb.PullImageResponse, timeout=_PULL_TIMEOUT)
        return str(answer.image_ref)

    async def remove_image(self, image: str) -> None:
        await self._call_unless_gone(
            "RemoveImage", pb.RemoveImageRequest(image=pb.ImageSpec(image=image)), pb.RemoveImageResponse
        )

    async def image_fs_info(self) -> pb.ImageFsInfoResponse:
        return await self._call("ImageFsInfo", pb.ImageFsInfoRequest(), pb.ImageFsInfoResponse, 10)  # type: ignore[no-any-return]

    async def container_events(self) -> AsyncIterator[pb.ContainerEventResponse]:
        """Events of containers from now on. RuntimeFailure UNIMPLEMENTED: the runtime sends none."""
        stream = self._channel.open_stream(
            self._channel.encode_method("/runtime.v1.RuntimeService/GetContainerEvents")
        )
        try:
            await stream.write(pb.GetEventsRequest().SerializeToString(), ends_stream=True)
            async for message in stream:
                yield pb.ContainerEventResponse.FromString(message)
        except RpcError as error:
            raise RuntimeFailure(error.code.name, error.details) from error
        finally:
            stream.cancel()

    async def _call_unless_gone(
        self, method: str, request: Any, answer: Any, timeout: float | None = None
    ) -> None:
        """Like `_call`. Success if the runtime does not have the object."""
        try:
            await self._call(method, request, answer, timeout)
        except RuntimeFailure as failure:
            if failure.code != "NOT_FOUND":
                raise
