"""How an informer gets its first list of very many pods, and how long other requests wait meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Final

import orjson
import uvloop

from kprov.kube.client import RestClient
from tests.apiserver.servers import ApiServer
from tests.bench.controller_state import Cluster
from tests.bench.controllers_server import make_client, report, run_server, scale
from tests.bench.hosts import show
from tests.bench.manager_process import Manager

_PODS: Final = 50_000
_PATH: Final = "/api/v1/pods"
_PAGE: Final = 500
_SECONDS: Final = 120
_PROBE_SECONDS: Final = 0.02
_METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def show_lists() -> None:
    """Print time, CPU and memory of each way."""
    pods = scale(_PODS)
    with run_server() as server:
        report(f"storing {pods} pods")
        Cluster(server).grow(pods)
        report("stored")
        show(uvloop.run(_measure(server, pods)))


async def _measure(server: ApiServer, pods: int) -> list[tuple[str, str]]:
    process = Manager(server.process)
    rows = []
    async with make_client(server) as client:
        ways: dict[str, Callable[[], Awaitable[int]]] = {
            "streamed by a watch": lambda: _read_stream(client, pods, "application/json"),
            "streamed, metadata only": lambda: _read_stream(client, pods, _METADATA),
            "pages of 500": lambda: _read_pages(client),
            "one list": lambda: _read_list(client, "application/json"),
            "one list, metadata only": lambda: _read_list(client, _METADATA_LIST),
            "one list, compressed": lambda: _read_list(client, "application/json", coding="gzip"),
        }
        for name, read in ways.items():
            Path(f"/proc/{server.process}/clear_refs").write_text("5")
            before, cpu, begin = process.memory_mib(), process.cpu, perf_counter()
            probe = _Probe(client)
            async with asyncio.timeout(_SECONDS), probe:
                found = await read()
            seconds = perf_counter() - begin
            if found != pods:
                raise SystemExit(f"{name}: {found} pods, not {pods}")
            peak = process.memory_mib("VmHWM") - before
            text = f"{seconds:.1f} s, CPU of the server {process.cpu - cpu:.1f} s, its memory +{peak:.0f} MiB"
            rows.append((name, f"{text}, longest wait of another request {probe.longest:.2f} s"))
            report(f"{name}: {rows[-1][1]}")
    return rows


class _Probe:
    """Gets a small object again and again while its context lasts."""

    def __init__(self, client: RestClient) -> None:
        self._client = client
        self._task: asyncio.Task[None] | None = None
        #: The longest time to a response in seconds.
        self.longest = 0.0

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def _run(self) -> None:
        while True:
            begin = perf_counter()
            try:
                await self._client.request("GET", "/api/v1/namespaces/default")
            finally:
                self.longest = max(self.longest, perf_counter() - begin)
            await asyncio.sleep(_PROBE_SECONDS)


async def _read_stream(client: RestClient, pods: int, accept: str) -> int:
    params: dict[str, str | bool] = {
        "watch": True,
        "sendInitialEvents": True,
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": True,
    }
    lines = 0
    async with client.stream(_PATH, params=params, headers={"Accept": accept}) as pieces:
        async for piece in pieces:
            lines += piece.count(b"\n")
            if lines > pods:
                break
    # The last line is the bookmark.
    return lines - 1


async def _read_pages(client: RestClient) -> int:
    found, token = 0, ""
    while True:
        params: dict[str, str | int] = {"limit": _PAGE} | ({"continue": token} if token else {})
        page = orjson.loads(await client.request("GET", _PATH, params=params, timeout=_SECONDS))
        found += len(page["items"])
        token = page["metadata"].get("continue", "")
        if not token:
            return found


async def _read_list(client: RestClient, accept: str, *, coding: str = "identity") -> int:
    headers = {"Accept": accept, "Accept-Encoding": coding}
    answer = await client.request(
        "GET", _PATH, params={"resourceVersion": "0"}, headers=headers, timeout=_SECONDS
    )
    return answer.count(b'"creationTimestamp":"')
