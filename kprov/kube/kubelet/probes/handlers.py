"""What probes and lifecycle hooks do: exec, httpGet, tcpSocket, grpc, sleep."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.component_base.rpc.channel import Channel
from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.pods.pod_queries import Container

log = logging.getLogger(__name__)

USER_AGENT: Final = "kube-probe/1.36"
_MAX_BODY: Final = 10 * 1024
_MAX_EXEC: Final = 10 * 1024
_HEALTH_METHOD: Final = "/grpc.health.v1.Health/Check"
_SERVING: Final = 1


class ProbeError(Exception):
    """The handler could not be tried or failed; the text is the reason."""


class Handlers:
    """One HTTP session for all probes; certificates are not checked, as upstream."""

    def __init__(self, cri: CriClient) -> None:
        self._cri = cri
        self._session: Any = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def run(
        self, action: dict[str, Any], container: Container, container_id: str, address: str, timeout: float
    ) -> str:
        """Output when it went well, at the pod's ``address``. Raises ProbeError with the reason when not."""
        if action.get("exec"):
            return await self._exec(container_id, action["exec"].get("command") or [], timeout)
        if http := action.get("httpGet"):
            return await self._http(http, container, address, timeout)
        if tcp := action.get("tcpSocket"):
            return await _tcp(tcp.get("host") or address, port_of(tcp["port"], container), timeout)
        if rpc := action.get("grpc"):
            return await _grpc(address, int(rpc["port"]), rpc.get("service") or "", timeout)
        if pause := action.get("sleep"):
            await asyncio.sleep(float(pause["seconds"]))
            return ""
        raise ProbeError("missing probe handler")

    async def _exec(self, container_id: str, command: list[str], timeout: float) -> str:
        try:
            stdout, stderr, code = await self._cri.exec_sync(container_id, command, timeout)
        except RuntimeFailure as failure:
            if failure.code == "DEADLINE_EXCEEDED":
                text = f'command timed out: "{" ".join(command)}" timed out after {timeout:g}s'
                raise ProbeError(text) from failure
            raise ProbeError(str(failure)) from failure
        output = (stdout + stderr)[:_MAX_EXEC].decode(errors="replace")
        if code != 0:
            raise ProbeError(output)
        return output

    async def _http(self, http: Mapping[str, Any], container: Container, address: str, timeout: float) -> str:
        import aiohttp

        if self._session is None:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connector = aiohttp.TCPConnector(ssl=context, force_close=True, limit=0)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        host = http.get("host") or address
        shown = f"[{host}]" if ":" in host else host
        scheme = (http.get("scheme") or "HTTP").lower()
        path = http.get("path") or "/"
        path = path if path.startswith("/") else f"/{path}"
        url = f"{scheme}://{shown}:{port_of(http['port'], container)}{path}"
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*"}
        for header in http.get("httpHeaders") or []:
            headers[header["name"]] = header.get("value", "")
        from yarl import URL

        try:
            async with self._session.get(
                URL(url, encoded=True),
                headers={name: value for name, value in headers.items() if value},
                timeout=aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,
            ) as response:
                body: str = (await response.content.read(_MAX_BODY)).decode(errors="replace")
                if 200 <= response.status < 400:
                    return body
                raise ProbeError(f"HTTP probe failed with statuscode: {response.status}")
        except TimeoutError as error:
            text = f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
            raise ProbeError(text) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ProbeError(
                f'Get "{url}": {_told(error, host, port_of(http["port"], container))}'
            ) from error


def _told(error: Exception, host: str, port: int) -> str:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ConnectionRefusedError):
        return f"dial tcp {host}:{port}: connect: connection refused"
    return str(error) or type(error).__name__


def port_of(port: int | str, container: Container) -> int:
    """A number, or the container port of that name. Raises ProbeError."""
    if isinstance(port, int):
        return port
    for item in container.get("ports") or []:
        if item.get("name") == port:
            return int(item["containerPort"])
    if str(port).isdigit():
        return int(port)
    raise ProbeError(f"couldn't find port: {port}")


async def _tcp(host: str, port: int, timeout: float) -> str:
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError as error:
        raise ProbeError(f"dial tcp {host}:{port}: i/o timeout") from error
    except OSError as error:
        raise ProbeError(
            f"dial tcp {host}:{port}: connect: {(error.strerror or str(error)).lower()}"
        ) from error
    writer.close()
    return ""


def _length_prefixed(data: bytes) -> bytes:
    """Bytes as protobuf writes them: their length as a varint, then themselves."""
    size, prefix = len(data), bytearray()
    while size >= 0x80:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    prefix.append(size)
    return bytes(prefix) + data


async def _grpc(host: str, port: int, service: str, timeout: float) -> str:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    # HealthCheckRequest{service = 1}; field 1 of the answer is the status.
    request = b"\x0a" + _length_prefixed(service.encode()) if service else b""
    channel = Channel(host, port, None, user_agent=USER_AGENT)
    try:
        answer = await channel.call_unary(channel.encode_method(_HEALTH_METHOD), request, timeout=timeout)
    except RpcError as error:
        if error.code is Code.DEADLINE_EXCEEDED:
            text = f'timeout: failed to connect service "{target}" within {timeout:g}s'
            raise ProbeError(text) from error
        text = f"error: health rpc failed: {error.details}"
        raise ProbeError(text) from error
    finally:
        await channel.close()
    status = answer[1] if len(answer) >= 2 and answer[0] == 0x08 else 0
    if status != _SERVING:
        names = {0: "UNKNOWN", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
        raise ProbeError(f'service unhealthy (responded with "{names.get(status, status)}")')
    return ""
