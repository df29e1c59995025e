"""Runs the handlers of probes and lifecycle hooks: exec, httpGet, tcpSocket, grpc, sleep (pkg/probe)."""

import asyncio
from typing import Final

from kprov.kube.api.core import Container, LifecycleHandler, Probe
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.probes import http_request
from kprov.kube.kubelet.probes.errors import HandlerError
from kprov.kube.kubelet.probes.grpc_health import check_health

_MAX_OUTPUT: Final = 10 * 1024


class HandlerRunner:
    def __init__(self, cri: CriClient) -> None:
        self._cri = cri

    async def run(
        self,
        handler: Probe | LifecycleHandler,
        container: Container,
        container_id: str,
        address: str,
        timeout: float,
    ) -> str:
        """Return "", or a warning of a probe that succeeded. ``address``: the pod's.

        Raises HandlerError with the reason of a failure.
        """
        if handler.exec is not None:
            await self._exec(container_id, handler.exec.command, timeout)
        elif (action := handler.http_get) is not None:
            port = find_port(action.port, container)
            if isinstance(handler, Probe):
                return await http_request.probe(action, action.host or address, port, timeout)
            await http_request.call_hook(action, action.host or address, port, timeout)
        elif (tcp := handler.tcp_socket) is not None:
            await _connect(tcp.host or address, find_port(tcp.port, container), timeout)
        elif isinstance(handler, Probe) and (grpc := handler.grpc) is not None:
            await check_health(address, grpc.port, grpc.service or "", timeout, http_request.PROBE_AGENT)
        elif isinstance(handler, LifecycleHandler) and handler.sleep is not None:
            await asyncio.sleep(handler.sleep.seconds)
        else:
            raise HandlerError("missing probe handler")
        return ""

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


def find_port(port: int | str, container: Container) -> int:
    """Return a number, or the container port of that name. Raises HandlerError."""
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
