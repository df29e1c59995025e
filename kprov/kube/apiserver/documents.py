"""What is served beside resources: discovery, OpenAPI, the version and the list of paths."""

from __future__ import annotations

import asyncio
import hashlib
import platform
from collections.abc import Sequence
from typing import Final

import orjson
from aiohttp import web

from kprov.kube.apiserver.endpoints import negotiation, respond
from kprov.kube.apiserver.endpoints.discovery import Discovery
from kprov.kube.component_base.options import VERSION
from kprov.kube.machinery import openapi, status
from kprov.kube.machinery.resources import Resource

_V3: Final = "/openapi/v3"
_YEAR: Final = "public, max-age=31536000"


class Documents:
    """Large documents are made when first asked for, in a thread, and kept gzipped only."""

    def __init__(self, resources: Sequence[Resource], address: str) -> None:
        self._resources = tuple(resources)
        self._discovery = Discovery(self._resources, address)
        self._kept: dict[str, tuple[bytes, str]] = {}
        self._lock = asyncio.Lock()

    async def answer(self, request: web.BaseRequest) -> web.Response | None:
        """The answer to a path, None when there is none."""
        path = request.path.rstrip("/") or "/"
        if path == "/version":
            return respond.document(version(), negotiation.Form())
        if path == "/":
            return respond.document({"paths": self._paths()}, negotiation.Form())
        if path in {"/openapi/v2", _V3} or path.startswith(f"{_V3}/"):
            return await self._openapi(request, path)
        found = self._discovery.document(path, request.headers.get("Accept", ""))
        if found is None:
            return None
        body, media_type, etag = found
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        response = web.Response(
            body=body,
            headers={
                "Content-Type": media_type,
                "ETag": etag,
                "Vary": "Accept",
                "Cache-Control": "no-cache, private",
            },
        )
        return await respond.compressed(request, response)

    async def _openapi(self, request: web.BaseRequest, path: str) -> web.Response | None:
        accept = request.headers.get("Accept", "*/*")
        if path == "/openapi/v2" and "json" not in accept and "*/*" not in accept:
            # client-go asks for protobuf first and goes on without, or with v3, when there is none.
            raise status.not_acceptable(["application/json"])
        async with self._lock:
            if path not in self._kept:
                body = await asyncio.to_thread(self._make, path)
                if body is None:
                    return None
                etag = hashlib.sha512(body, usedforsecurity=False).hexdigest().upper()
                self._kept[path] = await asyncio.to_thread(_gzip, body), f'"{etag}"'
        zipped, etag = self._kept[path]
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        headers = {
            "Content-Type": "application/json",
            "ETag": etag,
            "Vary": "Accept-Encoding, Accept",
            "Cache-Control": _YEAR if "hash" in request.query else "no-cache, private",
        }
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=zipped, headers=headers | {"Content-Encoding": "gzip"})
        return web.Response(body=await asyncio.to_thread(_gunzip, zipped), headers=headers)

    def _make(self, path: str) -> bytes | None:
        if path == "/openapi/v2":
            return openapi.v2(self._resources)
        if path == _V3:
            return orjson.dumps(openapi.v3_index(self._resources))
        parts = path.removeprefix(f"{_V3}/").split("/")
        group, version_ = (
            ("", parts[-1]) if parts[0] == "api" else (parts[1] if len(parts) > 2 else "", parts[-1])
        )
        if not any((each.group, each.version) == (group, version_) for each in self._resources):
            return None
        return openapi.v3(group, version_, self._resources)

    def _paths(self) -> list[str]:
        paths = {"/api", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2", _V3, "/readyz", "/version"}
        for resource in self._resources:
            paths.add(resource.api_path)
            if resource.group:
                paths.add(f"/apis/{resource.group}")
        return sorted(paths)


def version() -> dict[str, str]:
    """The body of /version."""
    major, minor = VERSION.lstrip("v").split(".")[:2]
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{platform.python_version()}",
        "compiler": platform.python_implementation(),
        "platform": f"linux/{machine}",
    }


def _gzip(body: bytes) -> bytes:
    import gzip

    return gzip.compress(body, 6)


def _gunzip(body: bytes) -> bytes:
    import gzip

    return gzip.decompress(body)
