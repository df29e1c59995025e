"""Runs the handlers of probes and lifecycle hooks: exec, httpGet, tcpSocket, grpc, sleep (pkg/probe)."""

import asyncio
import ssl
from typing import Any, Final

from kprov.kube.api.core import Container, HTTPGetAction, LifecycleHandler, Probe
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.probes.errors import HandlerError
from kprov.kube.kubelet.probes.grpc_health import check_health

USER_AGENT: Final = "kube-probe/1.36"
_MAX_BODY: Final = 10 * 1024
_MAX_OUTPUT: Final = 10 * 1024


class HandlerRunner:
    """One HTTP session for all probes. It does not verify certificates, as upstream."""

    def __init__(self, cri: CriClient) -> None:
        self._cri = cri
        self._session: Any = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def run(
        self,
        handler: Probe | LifecycleHandler,
        container: Container,
        container_id: str,
        address: str,
        timeout: float,
    ) -> None:
        """``address``: the pod's. Raises HandlerError with the reason of a failure."""
        if handler.exec is not None:
            await self._exec(container_id, handler.exec.command, timeout)
        elif handler.http_get is not None:
            await self._get(handler.http_get, container, address, timeout)
        elif (tcp := handler.tcp_socket) is not None:
            await _connect(tcp.host or address, find_port(tcp.port, container), timeout)
        elif isinstance(handler, Probe) and (grpc := handler.grpc) is not None:
            await check_health(address, grpc.port, grpc.service or "", timeout, USER_AGENT)
        elif isinstance(handler, LifecycleHandler) and handler.sleep is not None:
            await asyncio.sleep(handler.sleep.seconds)
        else:
            raise HandlerError("missing probe handler")

    async def _exec(self, container_id: str, command: list[str], timeout: float) -> None:
        try:
            stdout, stderr, code = await self._cri.exec_sync(container_id, command, timeout)
        except RuntimeFailure as failure:
            if failure.code == "DEADLINE_EXCEEDED":
                text = f'command timed out: "{" ".join(command)}" timed out after {timeout:g}s'
                raise HandlerError(text) from failure
            raise HandlerError(str(failure)) from failure
        if code != 0:
            raise HandlerError((stdout + stderr)[:_MAX_OUTPUT].decode(errors="replace"))

    async def _get(self, action: HTTPGetAction, container: Container, address: str, timeout: float) -> None:
        import aiohttp
        from yarl import URL

        host = action.host or address
        port = find_port(action.port, container)
        url = _make_url(action, host, port)
        try:
            async with self._open_session().get(
                URL(url, encoded=True),
                headers=_make_headers(action),
                timeout=aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,
            ) as response:
                await response.content.read(_MAX_BODY)
                if not 200 <= response.status < 400:
                    raise HandlerError(f"HTTP probe failed with statuscode: {response.status}")
        except TimeoutError as error:
            text = f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
            raise HandlerError(text) from error
        except (aiohttp.ClientError, OSError) as error:
            raise HandlerError(f'Get "{url}": {_describe_error(error, host, port)}') from error

    def _open_session(self) -> Any:
        import aiohttp

        if self._session is None:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connector = aiohttp.TCPConnector(ssl=context, force_close=True, limit=0)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


def _make_url(action: HTTPGetAction, host: str, port: int) -> str:
    authority = f"[{host}]" if ":" in host else host
    scheme = (action.scheme or "HTTP").lower()
    path = action.path or "/"
    path = path if path.startswith("/") else f"/{path}"
    return f"{scheme}://{authority}:{port}{path}"


def _make_headers(action: HTTPGetAction) -> dict[str, str]:
    """A header with an empty value removes the default one, as upstream."""
    headers = {"User-Agent": USER_AGENT, "Accept": "*/*"}
    headers |= {header.name: header.value for header in action.http_headers}
    return {name: value for name, value in headers.items() if value}


def _describe_error(error: Exception, host: str, port: int) -> str:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ConnectionRefusedError):
        return f"dial tcp {host}:{port}: connect: connection refused"
    return str(error) or type(error).__name__


def find_port(port: int | str, container: Container) -> int:
    """A number, or the container port of that name. Raises HandlerError."""
    if isinstance(port, int):
        return port
    for item in container.ports:
        if item.name == port:
            return item.container_port
    if port.isdigit():
        return int(port)
    raise HandlerError(f"couldn't find port: {port}")


async def _connect(host: str, port: int, timeout: float) -> None:
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError as error:
        raise HandlerError(f"dial tcp {host}:{port}: i/o timeout") from error
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise HandlerError(f"dial tcp {host}:{port}: connect: {cause}") from error
    writer.close()
