"""The server on :10250 and its paths (pkg/kubelet/server)."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from kprov.kube.client import RestClient
from kprov.kube.component_base import metrics
from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.kubelet import Kubelet
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.pod_queries import Pod
from kprov.kube.kubelet.server import log_answer, log_file, stats, streaming
from kprov.kube.kubelet.server.auth import Guard
from kprov.kube.kubelet.server.log_file import LogOptions

log = logging.getLogger(__name__)

_RELOAD_SECONDS: Final = 60.0
_LARGEST_PORT: Final = 65535
Handler = Callable[[web.BaseRequest, list[str]], Awaitable[web.StreamResponse]]


class NotFoundError(Exception):
    """Answered with 404; the text is the body."""


class BadRequestError(Exception):
    """Answered with 400; the text is the body."""


class KubeletServer:
    def __init__(
        self, config: KubeletConfig, kubelet: Kubelet, cri: CriClient, client: RestClient | None
    ) -> None:
        self._config = config
        self._kubelet = kubelet
        self._cri = cri
        self._guard = Guard(config, client)
        self._runner: web.AppRunner | None = None
        self._reload: asyncio.Task[None] | None = None
        self._handlers: dict[str, Handler] = {
            "healthz": self._healthz,
            "pods": self._pods,
            "runningpods": self._pods,
            "containerLogs": self._container_logs,
            "exec": self._exec,
            "attach": self._attach,
            "portForward": self._port_forward,
            "stats": self._stats,
            "metrics": self._metrics,
            "configz": self._configz,
        }

    async def start(self) -> None:
        """Listen. OSError: the port is taken or the certificate cannot be read."""
        context = self._context()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_response_prepare.append(_remove_server_header)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, self._config.address, self._config.port, ssl_context=context, reuse_address=True
        )
        await site.start()
        if context is not None:
            self._reload = asyncio.get_running_loop().create_task(self._follow_certificate(context))

    async def stop(self) -> None:
        if self._reload is not None:
            self._reload.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    def _context(self) -> ssl.SSLContext | None:
        config = self._config
        if not config.tls_cert_file:
            log.warning("no tlsCertFile: the server speaks plain HTTP")
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(config.tls_cert_file, config.tls_private_key_file)
        if config.client_ca_file:
            context.load_verify_locations(config.client_ca_file)
            context.verify_mode = ssl.CERT_OPTIONAL
        return context

    async def _follow_certificate(self, context: ssl.SSLContext) -> None:
        """New connections get a renewed certificate without a restart."""
        files = [Path(self._config.tls_cert_file), Path(self._config.tls_private_key_file)]
        seen = [file.stat().st_mtime_ns for file in files]
        while True:
            await asyncio.sleep(_RELOAD_SECONDS)
            try:
                now = [file.stat().st_mtime_ns for file in files]
                if now != seen:
                    context.load_cert_chain(files[0], files[1])
                    seen = now
            except (OSError, ssl.SSLError) as error:
                log.warning("the renewed certificate cannot be used yet: %s", error)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        certificate = request.transport.get_extra_info("peercert") if request.transport is not None else None
        user = await self._guard.authenticate(certificate, request.headers.get("Authorization", ""))
        if user is None:
            return web.Response(status=401, text="Unauthorized")
        if not await self._guard.authorize(user, request.method, request.path):
            from kprov.kube.kubelet.server.auth import subresource

            part = subresource(request.path)[-1]
            verb = {"POST": "create", "PUT": "update", "DELETE": "delete"}.get(request.method, "get")
            text = f"Forbidden (user={user.name}, verb={verb}, resource=nodes, subresource(s)=[{part}])\n"
            return web.Response(status=403, text=text)
        parts = [part for part in request.path.split("/") if part]
        handler = self._handlers.get(parts[0]) if parts else None
        if handler is None:
            return web.Response(status=404, text="404 page not found\n")
        try:
            return await handler(request, parts[1:])
        except NotFoundError as error:
            return web.Response(status=404, text=f"{error}\n")
        except (BadRequestError, ValueError) as error:
            return web.Response(status=400, text=f"{error}\n")
        except RuntimeFailure as failure:
            return web.Response(status=500, text=f"{failure}\n")

    async def _healthz(self, _: web.BaseRequest, __: list[str]) -> web.StreamResponse:
        return web.Response(text="ok")

    async def _configz(self, _: web.BaseRequest, __: list[str]) -> web.StreamResponse:
        import dataclasses

        return _json({"kubeletconfig": dataclasses.asdict(self._config)})

    async def _pods(self, _: web.BaseRequest, __: list[str]) -> web.StreamResponse:
        return _json({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": self._kubelet.pods()})

    async def _stats(self, _: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        if parts[:1] != ["summary"]:
            raise NotFoundError("404 page not found")
        return _json(await stats.summary(self._config, self._cri, self._kubelet.pods()))

    async def _metrics(self, _: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        if parts == ["resource"]:
            body = await stats.resource_metrics(self._cri)
        elif not parts:
            body = metrics.render()
        else:
            body = b""
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _container_logs(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        if len(parts) != 3:
            raise BadRequestError("expected /containerLogs/NAMESPACE/POD/CONTAINER")
        query = request.query
        options = LogOptions(
            follow=_flag(query.get("follow")),
            tail=int(query["tailLines"]) if query.get("tailLines") else None,
            since=log_file.since_seconds(query.get("sinceSeconds"), query.get("sinceTime")),
            timestamps=_flag(query.get("timestamps")),
            limit=int(query["limitBytes"]) if query.get("limitBytes") else None,
            stream=query.get("stream") or "All",
        )
        pod = self._pod(parts[0], parts[1])
        status = await self._logged(pod, parts[2], previous=_flag(query.get("previous")))

        def is_running() -> bool | None:
            found = self._kubelet.container_status(pod_queries.uid_of(pod), parts[2])
            if found is None:
                return self._kubelet.pod(pod_queries.uid_of(pod)) is not None
            same = found.get("containerID", "").endswith(status.id)
            return same and bool(found["state"].get("running"))

        try:
            return await log_answer.answer(request, status.log_path, options, is_running)
        except FileNotFoundError as error:
            text = f'failed to try resolving symlinks in path "{status.log_path}": no such file or directory'
            raise NotFoundError(text) from error

    async def _logged(self, pod: Pod, name: str, *, previous: bool) -> pod_state.ContainerStatus:
        """The container whose log is asked for, or BadRequestError in upstream's words."""
        if pod_queries.find_container(pod, name) is None:
            raise NotFoundError(f'container "{name}" not found in pod "{pod_queries.name_of(pod)}"')
        state = await pod_state.read(self._cri, pod_queries.uid_of(pod))
        mine = [item for item in state.containers if item.name == name]
        begun = [item for item in mine if item.state != pod_state.CREATED]
        if previous:
            if len(begun) < 2:
                text = f'previous terminated container "{name}" in pod "{pod_queries.name_of(pod)}" not found'
                raise BadRequestError(text)
            return begun[1]
        if not begun:
            why = self._kubelet.waiting_reason(pod_queries.uid_of(pod), name)
            text = f'container "{name}" in pod "{pod_queries.name_of(pod)}" is waiting to start: {why}'
            raise BadRequestError(text)
        return begun[0]

    def _pod(self, namespace: str, name: str) -> Pod:
        pod = self._kubelet.find(namespace, name)
        if pod is None:
            raise NotFoundError(f'pod "{name}" does not exist')
        return pod

    async def _running(self, parts: list[str]) -> str:
        """Id of the running container named by NAMESPACE/POD[/UID]/CONTAINER."""
        if len(parts) not in {3, 4}:
            raise BadRequestError("expected /NAMESPACE/POD/CONTAINER")
        pod = self._pod(parts[0], parts[1])
        state = await pod_state.read(self._cri, pod_queries.uid_of(pod))
        for status in state.containers:
            if status.name == parts[-1]:
                if status.is_running:
                    return status.id
                break
        raise NotFoundError(f'container not found ("{parts[-1]}")')

    async def _exec(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        _require_upgrade(request)
        container = await self._running(parts)
        streams = _streams(request)
        command = request.query.getall("command", [])
        url = await self._cri.exec_url(
            pb.ExecRequest(
                container_id=container,
                cmd=command,
                tty=streams["tty"],
                stdin=streams["stdin"],
                stdout=streams["stdout"],
                stderr=streams["stderr"] and not streams["tty"],
            )
        )
        return await streaming.remote_command(request, url, **streams)

    async def _attach(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        _require_upgrade(request)
        container = await self._running(parts)
        streams = _streams(request)
        url = await self._cri.attach_url(
            pb.AttachRequest(
                container_id=container,
                tty=streams["tty"],
                stdin=streams["stdin"],
                stdout=streams["stdout"],
                stderr=streams["stderr"] and not streams["tty"],
            )
        )
        return await streaming.remote_command(request, url, **streams)

    async def _port_forward(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        if len(parts) not in {2, 3}:
            raise BadRequestError("expected /portForward/NAMESPACE/POD")
        _require_upgrade(request)
        ports = _forwarded_ports(request)
        pod = self._pod(parts[0], parts[1])
        state = await pod_state.read(self._cri, pod_queries.uid_of(pod))
        if state.sandbox is None or not state.sandbox.ready:
            raise NotFoundError(f"pod {parts[1]} does not run")
        url = await self._cri.port_forward_url(state.sandbox.id, ports)
        return await streaming.port_forward(request, url)


async def _remove_server_header(_: web.Request, response: web.StreamResponse) -> None:
    """Nobody needs to know which Python and library answer; upstream's kubelet sends no such header."""
    response.headers.popall("Server", None)


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), headers={"Content-Type": "application/json"})


def _flag(text: str | None) -> bool:
    return (text or "").lower() in {"1", "true", "t"}


def _require_upgrade(request: web.BaseRequest) -> None:
    if not streaming.is_upgrade(request):
        raise BadRequestError("Upgrade request required")


def _forwarded_ports(request: web.BaseRequest) -> list[int]:
    """The ports that a WebSocket's channels stand for; SPDY clients name the port of each stream there."""
    if not streaming.is_websocket(request) or streaming.offers_subprotocol(request, streaming.TUNNEL):
        return []
    given = ",".join(request.query.getall("port", []))
    if not given:
        raise BadRequestError('query parameter "port" is required')
    ports = given.split(",")
    for port in ports:
        if not (port.isascii() and port.isdecimal() and 0 < int(port) <= _LARGEST_PORT):
            raise BadRequestError(f'unable to parse "{port}" as a port')
    return [int(port) for port in ports]


def _streams(request: web.BaseRequest) -> dict[str, bool]:
    """Kubelet's names (input, output, error) and the API server's (stdin, stdout, stderr)."""
    query = request.query

    def wanted(*names: str) -> bool:
        return any(_flag(query.get(name)) for name in names)

    streams = {
        "stdin": wanted("input", "stdin"),
        "stdout": wanted("output", "stdout"),
        "stderr": wanted("error", "stderr"),
        "tty": wanted("tty"),
    }
    if not any(streams[name] for name in ("stdin", "stdout", "stderr")):
        raise BadRequestError("you must specify at least 1 of stdin, stdout, stderr")
    return streams
