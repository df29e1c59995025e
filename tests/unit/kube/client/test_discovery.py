"""Which resources a server has, asked again and again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web

from kprov.kube.client import RestClient
from kprov.kube.client.discovery import Discovery
from kprov.kube.client.kubeconfig import ClientConfig
from tests.unit.kube.http_server import served

_KIND = {"kind": "APIGroupDiscoveryList"}


class Server:
    """Documents by path, as aggregated discovery has them. etag: "" for none."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {"/api": _KIND, "/apis": _KIND}
        self.etag = "1"
        self.answers: list[int] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.etag and request.headers.get("If-None-Match") == self.etag:
            self.answers.append(304)
            return web.Response(status=304, headers={"ETag": self.etag})
        self.answers.append(200)
        body = orjson.dumps(self.documents[request.path])
        return web.Response(body=body, headers={"ETag": self.etag} if self.etag else {})


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def discovery(server: Server) -> AsyncIterator[Discovery]:
    async with (
        served(server.handle) as port,
        RestClient(ClientConfig(server=f"http://127.0.0.1:{port}")) as client,
    ):
        yield Discovery(client)


def describe(plural: str, kind: str, *subresources: str) -> dict[str, Any]:
    return {
        "resource": plural,
        "responseKind": {"kind": kind},
        "scope": "Namespaced",
        "verbs": ["get"],
        "subresources": [{"subresource": name} for name in subresources],
    }


def make_group(name: str, *versions: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "versions": list(versions)}


async def test_resources_in_the_preferred_version(server: Server, discovery: Discovery) -> None:
    new = {"version": "v2", "resources": [describe("gadgets", "Gadget", "status", "scale")]}
    old = {"version": "v1", "resources": [describe("gadgets", "Gadget"), describe("tools", "Tool")]}
    server.documents["/apis"] = _KIND | {"items": [make_group("example.com", new, old)]}
    found = await discovery.discover()
    assert [(each.plural, each.version) for each in found.resources] == [("gadgets", "v2"), ("tools", "v1")]
    gadget = found.find_kind("example.com", "Gadget")
    assert gadget is not None
    assert gadget.subresources == {"status", "scale"}
    assert found.find_kind("example.com", "Other") is None


async def test_stale_group_versions_have_failed(server: Server, discovery: Discovery) -> None:
    stale = {"version": "v1", "freshness": "Stale", "resources": [describe("gadgets", "Gadget")]}
    current = {"version": "v2", "freshness": "Current", "resources": [describe("tools", "Tool")]}
    server.documents["/apis"] = _KIND | {"items": [make_group("example.com", stale, current)]}
    found = await discovery.discover()
    assert [each.plural for each in found.resources] == ["tools"]
    assert found.failed == ("example.com/v1",)


async def test_an_unchanged_document_is_not_sent_again(server: Server, discovery: Discovery) -> None:
    first = await discovery.discover()
    assert await discovery.discover() is first
    assert server.answers == [200, 200, 304, 304]
    tools = {"version": "v1", "resources": [describe("tools", "Tool")]}
    server.documents["/apis"], server.etag = _KIND | {"items": [make_group("example.com", tools)]}, "2"
    assert [each.plural for each in (await discovery.discover()).resources] == ["tools"]


async def test_a_server_without_etags_is_read_each_time(server: Server, discovery: Discovery) -> None:
    server.etag = ""
    await discovery.discover()
    tools = {"version": "v1", "resources": [describe("tools", "Tool")]}
    server.documents["/apis"] = _KIND | {"items": [make_group("example.com", tools)]}
    assert [each.plural for each in (await discovery.discover()).resources] == ["tools"]
    assert server.answers == [200] * 4


async def test_the_plain_form_lists_subresources_too(server: Server, discovery: Discovery) -> None:
    entry = {"name": "gadgets", "kind": "Gadget", "namespaced": True, "verbs": ["get"]}
    server.documents = {
        "/api": {"kind": "APIVersions", "versions": []},
        "/apis": {
            "kind": "APIGroupList",
            "groups": [
                {
                    "name": "example.com",
                    "versions": [{"version": "v1"}],
                    "preferredVersion": {"version": "v1"},
                }
            ],
        },
        "/apis/example.com/v1": {"resources": [entry, entry | {"name": "gadgets/scale", "kind": "Scale"}]},
    }
    (gadget,) = (await discovery.discover()).resources
    assert gadget.subresources == {"scale"}
