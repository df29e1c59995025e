"""The HTTPS server on :10250 and its paths (pkg/kubelet/server)."""

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import orjson

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.client import RestClient
from kprov.kube.component_base import metrics
from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, Response
from kprov.kube.component_base.tasks import start_background_task
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.cri.pod_state import ContainerState
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.server import log_response, parameters, stats, streaming, tls
from kprov.kube.kubelet.server.auth import KubeletAuth, get_verb, list_subresources
from kprov.kube.kubelet.server.errors import BadRequestError, NotFoundError
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

#: How long a server that stops waits for the responses under way.
_STOP_SECONDS: Final = 1.0

Handler = Callable[[Request, list[str]], Awaitable[BaseResponse]]


class PodSource(Protocol):
    """What the server reads of the pods (the kubelet)."""

    def list_documents(self) -> list[JsonObject]: ...

    def has_pod(self, uid: PodUID) -> bool: ...

    def find_pod(self, namespace: str, name: str) -> Pod | None: ...

    def get_container_status(self, uid: PodUID, name: str) -> JsonObject | None: ...

    def get_waiting_reason(self, uid: PodUID, name: str) -> str: ...


class KubeletServer:
    def __init__(
        self,
        config: KubeletConfiguration,
        pods: PodSource,
        cri: CriClient,
        client: RestClient | None,
    ) -> None:
        self._config = config
        self._pods = pods
        self._cri = cri
        self._auth = KubeletAuth(config, client)
        self._listener = Listener(self._handle)
        self._reload: asyncio.Task[None] | None = None
        # The first part of the path > its handler
        self._handlers: Mapping[str, Handler] = {
            "healthz": self._handle_healthz,
            "pods": self._handle_pods,
            "runningpods": self._handle_pods,
            "containerLogs": self._handle_container_logs,
            "exec": self._handle_exec,
            "attach": self._handle_attach,
            "portForward": self._handle_port_forward,
            "stats": self._handle_stats,
            "metrics": self._handle_metrics,
            "configz": self._handle_configz,
        }

    async def start(self) -> None:
        """Listen. OSError: the port is in use or the certificate cannot be read."""
        context, certificate = tls.make_context(self._config) or (None, None)
        await self._listener.start(self._config.address, self._config.port, context)
        if certificate is not None:
            self._reload = start_background_task(certificate.watch(), "serving certificate")

    async def stop(self) -> None:
        if self._reload is not None:
            self._reload.cancel()
        await self._listener.stop(_STOP_SECONDS)

    async def _handle(self, request: Request) -> BaseResponse:
        certificate = request.connection.certificate if request.connection is not None else None
        user = await self._auth.authenticate(certificate, request.headers.get("Authorization", ""))
        if user is None:
            return Response(status=401, text="Unauthorized")
        if not await self._auth.authorize(user, request.method, request.path):
            part = list_subresources(request.path)[-1]
            verb = get_verb(request.method)
            text = f"Forbidden (user={user.name}, verb={verb}, resource=nodes, subresource(s)=[{part}])\n"
            return Response(status=403, text=text)
        parts = [part for part in request.path.split("/") if part]
        handler = self._handlers.get(parts[0]) if parts else None
        if handler is None:
            return Response(status=404, text="404 page not found\n")
        try:
            return await handler(request, parts[1:])
        except ConnectionError:
            raise
        except Exception as error:
            if request.connection is None or request.connection.is_responding:
                raise
            return _make_error_response(request, error)

    async def _handle_healthz(self, _: Request, __: list[str]) -> BaseResponse:
        return Response(text="ok")

    async def _handle_configz(self, _: Request, __: list[str]) -> BaseResponse:
        return _make_json_response({"kubeletconfig": dataclasses.asdict(self._config)})

    async def _handle_pods(self, _: Request, __: list[str]) -> BaseResponse:
        documents = self._pods.list_documents()
        return _make_json_response(
            {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": documents}
        )

    async def _handle_stats(self, _: Request, parts: list[str]) -> BaseResponse:
        if parts[:1] != ["summary"]:
            raise NotFoundError("404 page not found")
        documents = self._pods.list_documents()
        return _make_json_response(await stats.make_summary(self._config, self._cri, documents))

    async def _handle_metrics(self, _: Request, parts: list[str]) -> BaseResponse:
        if parts == ["resource"]:
            body = await stats.render_resource_metrics(self._cri)
        elif not parts:
            body = metrics.render()
        else:
            body = b""
        return Response(body, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _handle_container_logs(self, request: Request, parts: list[str]) -> BaseResponse:
        if len(parts) != 3:
            raise BadRequestError("expected /containerLogs/NAMESPACE/POD/CONTAINER")
        options = parameters.read_log_options(request)
        pod, name = self._find_pod(parts[0], parts[1]), parts[2]
        previous = parameters.read_flag(request.query.get("previous"))
        container = await self._find_container_with_log(pod, name, previous=previous)

        def is_running() -> bool | None:
            status = self._pods.get_container_status(pod.uid, name)
            if status is None:
                return self._pods.has_pod(pod.uid)
            is_same = status.get("containerID", "").endswith(container.id)
            return is_same and bool(status["state"].get("running"))

        try:
            return await log_response.send_log(request, container.log_path, options, is_running)
        except FileNotFoundError as error:
            path = container.log_path
            text = f'failed to try resolving symlinks in path "{path}": no such file or directory'
            raise NotFoundError(text) from error

    async def _find_container_with_log(self, pod: Pod, name: str, *, previous: bool) -> ContainerState:
        """Return the newest container that has started, or the one before. The errors are upstream's."""
        if pod_queries.find_container(pod, name) is None:
            raise NotFoundError(f'container "{name}" not found in pod "{pod.metadata.name}"')
        state = await pod_state.read_pod_state(self._cri, pod.uid)
        started = [item for item in state.containers if item.name == name and item.state != pod_state.CREATED]
        if previous:
            if len(started) < 2:
                text = f'previous terminated container "{name}" in pod "{pod.metadata.name}" not found'
                raise BadRequestError(text)
            return started[1]
        if not started:
            reason = self._pods.get_waiting_reason(pod.uid, name)
            text = f'container "{name}" in pod "{pod.metadata.name}" is waiting to start: {reason}'
            raise BadRequestError(text)
        return started[0]

    def _find_pod(self, namespace: str, name: str) -> Pod:
        pod = self._pods.find_pod(namespace, name)
        if pod is None:
            raise NotFoundError(f'pod "{name}" does not exist')
        return pod

    async def _find_running_container(self, parts: list[str]) -> str:
        """Id of the running container that NAMESPACE/POD[/UID]/CONTAINER names."""
        if len(parts) not in {3, 4}:
            raise BadRequestError("expected /NAMESPACE/POD/CONTAINER")
        pod = self._find_pod(parts[0], parts[1])
        state = await pod_state.read_pod_state(self._cri, pod.uid)
        newest = state.get_newest(parts[-1])
        if newest is None or not newest.is_running:
            raise NotFoundError(f'container not found ("{parts[-1]}")')
        return newest.id

    async def _handle_exec(self, request: Request, parts: list[str]) -> BaseResponse:
        parameters.require_upgrade(request)
        container_id = await self._find_running_container(parts)
        streams = parameters.read_streams(request)
        url = await self._cri.exec_url(
            pb.ExecRequest(
                container_id=container_id,
                cmd=request.query.getall("command", []),
                tty=streams["tty"],
                stdin=streams["stdin"],
                stdout=streams["stdout"],
                stderr=streams["stderr"] and not streams["tty"],
            )
        )
        return await streaming.bridge_remote_command(request, url, **streams)

    async def _handle_attach(self, request: Request, parts: list[str]) -> BaseResponse:
        parameters.require_upgrade(request)
        container_id = await self._find_running_container(parts)
        streams = parameters.read_streams(request)
        url = await self._cri.attach_url(
            pb.AttachRequest(
                container_id=container_id,
                tty=streams["tty"],
                stdin=streams["stdin"],
                stdout=streams["stdout"],
                stderr=streams["stderr"] and not streams["tty"],
            )
        )
        return await streaming.bridge_remote_command(request, url, **streams)

    async def _handle_port_forward(self, request: Request, parts: list[str]) -> BaseResponse:
        if len(parts) not in {2, 3}:
            raise BadRequestError("expected /portForward/NAMESPACE/POD")
        parameters.require_upgrade(request)
        ports = parameters.read_ports(request)
        pod = self._find_pod(parts[0], parts[1])
        state = await pod_state.read_pod_state(self._cri, pod.uid)
        if state.sandbox is None or not state.sandbox.ready:
            raise NotFoundError(f"pod {parts[1]} does not run")
        url = await self._cri.port_forward_url(state.sandbox.id, ports)
        return await streaming.bridge_port_forward(request, url)


def _make_error_response(request: Request, error: Exception) -> Response:
    if isinstance(error, NotFoundError):
        return Response(status=404, text=f"{error}\n")
    if isinstance(error, BadRequestError | ValueError):
        return Response(status=400, text=f"{error}\n")
    if isinstance(error, RuntimeFailure):
        return Response(status=500, text=f"{error}\n")
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return Response(status=500, text="Internal Server Error\n")


def _make_json_response(value: Any) -> Response:
    return Response(orjson.dumps(value), headers={"Content-Type": "application/json"})
