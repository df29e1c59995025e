"""A gRPC server at a Unix socket: methods with one request, and one response or a stream of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kprov.kube.component_base.rpc.methods import StreamingMethod, UnaryMethod
from kprov.kube.component_base.rpc.server_connection import ServerConnection

#: Owner and group may connect.
_UMASK: Final = 0o117


class Server:
    """Runs each call as a task, which is cancelled when the client cancels the call or disconnects."""

    def __init__(self, methods: Mapping[str, UnaryMethod | StreamingMethod]) -> None:
        """methods: by path, "/package.Service/Method"."""
        self.methods = methods
        self.connections: set[ServerConnection] = set()
        self._server: asyncio.Server | None = None
        self._path: Path | None = None

    async def start(self, path: Path) -> None:
        """Listen at a path. A socket that is there is replaced. OSError."""
        _prepare_path(path)
        before = os.umask(_UMASK)
        try:
            self._server = await asyncio.get_running_loop().create_unix_server(
                lambda: ServerConnection(self), path
            )
        finally:
            os.umask(before)
        self._path = path

    async def stop(self, seconds: float) -> None:
        """Accept no more calls, wait so long for those under way, and cancel the others."""
        if self._server is not None:
            self._server.close()
        connections = list(self.connections)
        for connection in connections:
            connection.drain()
        if connections:
            await asyncio.wait([connection.closed for connection in connections], timeout=seconds)
        for connection in connections:
            if not connection.closed.done():
                connection.close("the server stops")
        await asyncio.gather(*(connection.closed for connection in connections))
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _prepare_path(path: Path) -> None:
    """Make the folder, and remove the socket that a killed process has left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
