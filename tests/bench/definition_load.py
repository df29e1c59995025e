"""Many definitions of products at once: until they are served, and what others feel meanwhile."""

from __future__ import annotations

import asyncio
import http.client
import json
import multiprocessing
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.apiserver.products.documents import read_product
from tests.bench.apiserver_load import Load, each

JsonObject = dict[str, Any]

_DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_DISCOVERY: Final = "application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList"
_AT_ONCE: Final = 8
_PAUSE_SECONDS: Final = 0.02
_POLL_SECONDS: Final = 0.1
_WAIT_SECONDS: Final = 300.0


@dataclass(slots=True)
class Served:
    """Seconds from the first request until all kinds are discovered, and until all are explained."""

    accepted: float
    discovered: float
    explained: float


@dataclass(slots=True)
class Latencies:
    """Milliseconds of reads one after the other."""

    values: list[float] = field(default_factory=list)

    @property
    def p99(self) -> float:
        return sorted(self.values)[int(len(self.values) * 0.99)]

    @property
    def longest(self) -> float:
        return max(self.values)


class Definitions:
    """The definitions of a folder of products, encoded."""

    def __init__(self, folder: Path, most: int) -> None:
        found = [
            definition
            for product in sorted(path for path in folder.iterdir() if path.is_dir())
            for definition in read_product(product).definitions
        ][:most]
        self.bodies: Final = [json.dumps(definition).encode() for definition in found]
        #: The served kinds: group, version, kind.
        self.kinds: Final = frozenset(
            (definition["spec"]["group"], version["name"], definition["spec"]["names"]["kind"])
            for definition in found
            for version in definition["spec"]["versions"]
            # Nobody answers the webhooks of the products.
            if version["served"]
            and (
                (definition["spec"].get("conversion") or {}).get("strategy") != "Webhook"
                or version["storage"]
            )
        )

    async def create(self, load: Load) -> Served:
        """Create all, and wait until clients see their kinds."""
        async with load.session() as session:
            begin = time.perf_counter()
            await each(_AT_ONCE, self.bodies, lambda body: self._post(session, load.url, body))
            accepted = time.perf_counter() - begin
            async with asyncio.timeout(_WAIT_SECONDS):
                await _poll(lambda: self._are_discovered(session, load.url))
                discovered = time.perf_counter() - begin
                for group, version in sorted({(group, version) for group, version, _ in self.kinds}):
                    await _poll(partial(self._is_explained, session, load.url, group, version))
            return Served(accepted, discovered, time.perf_counter() - begin)

    async def _post(self, session: aiohttp.ClientSession, url: str, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        async with session.post(url + _DEFINITIONS, data=body, headers=headers) as answer:
            if answer.status != 201:
                raise SystemExit(f"{url}: {answer.status} {(await answer.text())[:2000]}")
            await answer.read()

    async def _are_discovered(self, session: aiohttp.ClientSession, url: str) -> bool:
        async with session.get(f"{url}/apis", headers={"Accept": _DISCOVERY}) as answer:
            groups = json.loads(await answer.read())["items"]
        return self.kinds <= {
            (group["metadata"]["name"], version["version"], resource["responseKind"]["kind"])
            for group in groups
            for version in group["versions"]
            for resource in version.get("resources") or ()
        }

    async def _is_explained(self, session: aiohttp.ClientSession, url: str, group: str, version: str) -> bool:
        async with session.get(f"{url}/openapi/v3/apis/{group}/{version}") as answer:
            if answer.status != 200:
                return False
            document = json.loads(await answer.read())
        found = {
            kind["kind"]
            for schema in document["components"]["schemas"].values()
            for kind in schema.get("x-kubernetes-group-version-kind") or ()
        }
        return {kind for held, name, kind in self.kinds if (held, name) == (group, version)} <= found


async def _poll(is_done: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(int(_WAIT_SECONDS / _POLL_SECONDS)):
        if await is_done():
            return
        await asyncio.sleep(_POLL_SECONDS)


@contextmanager
def reading(load: Load, port: int) -> Iterator[Latencies]:
    """GET a pod again and again in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    stop = context.Event()
    process = context.Process(target=_read, args=(theirs, stop, port, load.token, load.path("pods/p1")))
    process.start()
    assert ours.recv() == "begun"
    latencies = Latencies()
    try:
        yield latencies
    finally:
        stop.set()
        latencies.values += ours.recv()
        process.join()


def _read(pipe: Any, stop: Event, port: int, token: str, path: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=120)
    found: list[float] = []
    while not stop.is_set():
        begin = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        found.append((time.perf_counter() - begin) * 1e3)
        assert answer.status == 200, answer.status
        if len(found) == 1:
            pipe.send("begun")
        time.sleep(_PAUSE_SECONDS)
    pipe.send(found)
