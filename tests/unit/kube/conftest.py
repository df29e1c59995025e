"""A small HTTP server on loopback that keeps objects in a dict and lets tests feed watches."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web

from kprov.kube.client import RestClient
from kprov.kube.client.kubeconfig import ClientConfig
from tests.unit.kube.http_server import served


class Server:
    """Objects by path; a watch is whatever the test puts into `watches` (None ends it)."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.list_versions: list[str | None] = []
        self.watch_versions: list[str | None] = []
        self.answers: list[web.Response] = []
        self.watches: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.versions = itertools.count(10)
        self.port = 0

    def client(self, **options: Any) -> RestClient:
        return RestClient(ClientConfig(server=f"http://127.0.0.1:{self.port}"), **options)

    def put(self, path: str, obj: dict[str, Any]) -> dict[str, Any]:
        obj.setdefault("metadata", {})["resourceVersion"] = str(next(self.versions))
        self.objects[path] = obj
        return obj

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        document: Any = orjson.loads(body) if body else None
        self.requests.append((request.method, request.path_qs, document))
        if self.answers:
            return self.answers.pop(0)
        if request.query.get("watch"):
            return await self._watch(request)
        if request.method == "POST":
            path = f"{request.path}/{document['metadata']['name']}"
            if path in self.objects:
                return refusal(409, "AlreadyExists")
            return reply(self.put(path, document))
        if (path := request.path.removesuffix("/status")) in self.objects:
            return self._single(request.method, path, document)
        if request.method == "GET" and request.path.endswith("s"):
            self.list_versions.append(request.query.get("resourceVersion"))
            items = [obj for path, obj in self.objects.items() if path.startswith(request.path + "/")]
            return reply({"metadata": {"resourceVersion": str(next(self.versions))}, "items": items})
        return refusal(404, "NotFound")

    def _single(self, method: str, path: str, document: Any) -> web.Response:
        current = self.objects[path]
        if method == "PUT":
            if document["metadata"].get("resourceVersion") != current["metadata"]["resourceVersion"]:
                return refusal(409, "Conflict")
            return reply(self.put(path, document))
        if method == "PATCH":
            meta = {**current.get("metadata", {}), **document.get("metadata", {})}
            return reply(self.put(path, {**current, **document, "metadata": meta}))
        if method == "DELETE":
            del self.objects[path]
        return reply(current)

    async def _watch(self, request: web.BaseRequest) -> web.StreamResponse:
        self.watch_versions.append(request.query.get("resourceVersion"))
        response = web.StreamResponse()
        await response.prepare(request)
        while (event := await self.watches.get()) is not None:
            await response.write(orjson.dumps(event) + b"\n")
        return response


def reply(document: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(document), content_type="application/json")


def refusal(code: int, reason: str, headers: dict[str, str] | None = None) -> web.Response:
    status = {"kind": "Status", "status": "Failure", "reason": reason, "code": code, "message": reason}
    return web.Response(status=code, body=orjson.dumps(status), headers=headers)


@pytest.fixture
def refuse() -> Any:
    return refusal


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with served(server.handle) as server.port:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[RestClient]:
    async with server.client() as client:
        yield client
