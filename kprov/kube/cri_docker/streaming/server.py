"""Listens at 127.0.0.1 for the connections that CRI's answers name."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from multidict import CIMultiDict

from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, Response, StreamResponse
from kprov.kube.component_base.spdy import SpdyError
from kprov.kube.component_base.spdy_server import ServerConnection
from kprov.kube.component_base.tasks import start_task
from kprov.kube.cri_docker.engine.client import Engine
from kprov.kube.cri_docker.streaming.port_forward import forward_ports
from kprov.kube.cri_docker.streaming.remote_command import run_remote_command
from kprov.kube.cri_docker.streaming.tokens import ExecTarget, Target, Tokens

log = logging.getLogger(__name__)

_ADDRESS: Final = "127.0.0.1"
_VERSION: Final = "X-Stream-Protocol-Version"
_STOP_SECONDS: Final = 1.0


class StreamingServer:
    """Its addresses are for one connection each, and name nothing that a user chose."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tokens = Tokens()
        self._listener = Listener(self._handle)

    async def start(self) -> None:
        """Listen at a free port."""
        await self._listener.start(_ADDRESS, 0)

    async def stop(self) -> None:
        """Close all connections."""
        await self._listener.stop(_STOP_SECONDS)

    def make_url(self, target: Target) -> str:
        """Return the address for a target. RpcError: too many wait."""
        return f"http://{_ADDRESS}:{self._listener.port}/{self._tokens.add(target)}"

    async def _handle(self, request: Request) -> BaseResponse:
        target = self._tokens.take(request.path.removeprefix("/"))
        if target is None:
            return Response(status=404, text="404 page not found\n")
        if request.upgrade != "spdy/3.1":
            return Response(status=400, text="unable to upgrade: only SPDY/3.1 is supported\n")
        wanted = "v4.channel.k8s.io" if isinstance(target, ExecTarget) else "portforward.k8s.io"
        offered = ",".join(request.headers.getall(_VERSION, []))
        if wanted not in [version.strip() for version in offered.split(",")]:
            text = f"unable to upgrade: the client offers {offered!r}, not {wanted}\n"
            return Response(status=403, text=text)
        return await self._upgrade(request, target, wanted)

    async def _upgrade(self, request: Request, target: Target, protocol: str) -> StreamResponse:
        assert request.connection is not None
        tunnel = request.connection.tunnel()
        fields = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1", _VERSION: protocol}
        response = StreamResponse(status=101, headers=CIMultiDict(fields))
        response.start(request)
        connection = ServerConnection(tunnel.read, tunnel.write)
        receiver = start_task(connection.receive(), "SPDY frames")
        if isinstance(target, ExecTarget):
            work = start_task(run_remote_command(self._engine, connection, target), "command")
        else:
            work = start_task(forward_ports(connection, target), "port forwarding")
        try:
            await asyncio.wait({receiver, work}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (receiver, work):
                task.cancel()
            for result in await asyncio.gather(receiver, work, return_exceptions=True):
                if isinstance(result, SpdyError):
                    log.info("a streaming connection failed: %s", result)
                elif isinstance(result, Exception):
                    log.error("a streaming connection failed", exc_info=result)
        return response
