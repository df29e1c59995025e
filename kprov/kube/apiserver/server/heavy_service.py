"""The process of heavy requests: executes what the first process has authorized. See heavy_process."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Final, Protocol

from multidict import CIMultiDict

from kprov.kube.apiserver.request import UserInfo
from kprov.kube.apiserver.request.http_request import Request
from kprov.kube.apiserver.server import relay_channel, workers
from kprov.kube.apiserver.server.relay_channel import Channel
from kprov.kube.component_base.http11.body import Body
from kprov.kube.component_base.http11.response import BaseResponse, Response
from kprov.kube.component_base.tasks import start_background_task

#: The first process and etcd get the CPU before this one.
_NICENESS: Final = 5


class Executor(Protocol):
    """The request chain."""

    async def execute_authorized(
        self, request: Request, user: UserInfo, annotations: dict[str, str] | None
    ) -> BaseResponse:
        """Execute a request. Raise only CancelledError and ConnectionError."""


class HeavyService:
    """Serves the channel that this process has inherited."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._channel: Channel | None = None
        self._lost = asyncio.Event()

    async def run(self, loaded: asyncio.Event) -> None:
        """Serve until the first process closes the channel. loaded: set when the caches are filled."""
        end = socket.socket(fileno=int(os.environ[workers.CHANNEL]))
        self._channel = await Channel.open(end, self._take_message, self._lost.set)
        await loaded.wait()
        # Not earlier: until then the first process executes heavy requests itself.
        os.nice(_NICENESS)
        self._channel.send(relay_channel.Ready())
        await self._lost.wait()
        for task in self._tasks.values():
            task.cancel()

    def _take_message(self, message: relay_channel.Message, body: bytes) -> None:
        if isinstance(message, relay_channel.Work):
            task = start_background_task(self._execute(message, body), "heavy request")
            self._tasks[message.number] = task
            task.add_done_callback(lambda _: self._tasks.pop(message.number))
        elif isinstance(message, relay_channel.Cancellation):
            task_of_client = self._tasks.get(message.number)
            if task_of_client is not None:
                task_of_client.cancel()

    async def _execute(self, work: relay_channel.Work, data: bytes) -> None:
        headers = CIMultiDict(work.headers)
        request = Request(work.method, work.target, headers, body=Body.of(data))
        user = UserInfo(work.user, work.groups, work.uid, work.extra)
        annotations: dict[str, str] | None = {} if work.is_audited else None
        response = await self._executor.execute_authorized(request, user, annotations)
        assert isinstance(response, Response)
        assert self._channel is not None
        result = relay_channel.Result(
            work.number,
            response.status,
            response.reason,
            [(str(name), value) for name, value in response.headers.items()],
            request.metrics_label,
            annotations or {},
        )
        if not self._lost.is_set():
            self._channel.send(result, response.body)
