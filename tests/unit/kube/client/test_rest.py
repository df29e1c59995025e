"""Requests, refusals and typed resources."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from kprov.kube.api.core import ConfigMap
from kprov.kube.client import ApiError, RestClient, TransportError
from kprov.kube.client.kubeconfig import ClientConfig
from tests.unit.kube.http_server import served


async def test_a_created_view_carries_its_kind_and_comes_back_typed(server: Any, client: RestClient) -> None:
    maps = client.resource("", "v1", "configmaps", ConfigMap)
    view = ConfigMap(data={"a": "1"})
    view.metadata.name = "m"
    created = await maps.create(view, namespace="ns")
    assert created.data == {"a": "1"}
    assert server.objects["/api/v1/namespaces/ns/configmaps/m"]["kind"] == "ConfigMap"
    assert (await maps.get("m", namespace="ns")).metadata.resource_version == "10"


async def test_error_response_raises_with_code_and_reason(client: RestClient) -> None:
    with pytest.raises(ApiError) as caught:
        await client.resource("", "v1", "pods").get("missing", namespace="ns")
    assert caught.value.is_not_found
    assert caught.value.reason == "NotFound"


async def test_request_is_retried_after_retry_after(server: Any, client: RestClient, refuse: Any) -> None:
    server.answers = [refuse(429, "TooManyRequests", {"Retry-After": "0"})]
    server.put("/api/v1/nodes/n", {"metadata": {"name": "n"}})
    node = await client.resource("", "v1", "nodes").get("n")
    assert node["metadata"]["name"] == "n"


async def test_error_response_without_status_keeps_its_text(server: Any, client: RestClient) -> None:
    server.answers = [web.Response(status=502, text="bad gateway")]
    with pytest.raises(ApiError, match="bad gateway") as caught:
        await client.request("GET", "/readyz")
    assert caught.value.code == 502


async def test_an_absent_server_is_a_transport_error() -> None:
    async with RestClient(ClientConfig(server="http://127.0.0.1:1")) as client:
        with pytest.raises(TransportError, match=r"GET http://127.0.0.1:1/api"):
            await client.request("GET", "/api")


async def test_delete_sends_options(server: Any, client: RestClient) -> None:
    server.put("/api/v1/namespaces/ns/pods/p", {"metadata": {"name": "p"}})
    pods = client.resource("", "v1", "pods")
    await pods.delete(
        "p", namespace="ns", grace_period_seconds=0, preconditions_uid="u", propagation_policy="Background"
    )
    assert server.requests[-1] == (
        "DELETE",
        "/api/v1/namespaces/ns/pods/p",
        {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": "u"},
            "propagationPolicy": "Background",
        },
    )


async def test_list_is_iterable_and_has_a_resource_version(server: Any, client: RestClient) -> None:
    server.put("/api/v1/namespaces/ns/configmaps/a", {"metadata": {"name": "a"}})
    answer = await client.resource("", "v1", "configmaps", ConfigMap).list("ns", label_selector="x=y")
    assert [item.metadata.name for item in answer] == ["a"]
    assert answer.resource_version == "11"
    assert server.requests[-1][1] == "/api/v1/namespaces/ns/configmaps?labelSelector=x%3Dy"


async def test_so_many_requests_and_no_more_wait_for_their_responses_at_once() -> None:
    waiting, most = 0, 0

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        await asyncio.sleep(0.01)
        waiting -= 1
        return web.json_response({})

    async with served(handle) as port:
        config = ClientConfig(server=f"http://127.0.0.1:{port}")
        async with RestClient(config, requests_at_once=3) as client:
            derived = client.derive("other")
            await asyncio.gather(
                *(each.request("GET", "/api") for each in (client, derived) for _ in range(6))
            )
    assert most == 3


async def test_a_limit_of_requests_at_once_is_of_the_limited_client_alone() -> None:
    waiting: list[str] = []
    most = {"first": 0, "second": 0, "original": 0}
    everybody, gate = asyncio.Event(), asyncio.Event()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        name = request.path.strip("/")
        waiting.append(name)
        most[name] = max(most[name], waiting.count(name))
        if len(waiting) == 2 + 1 + 4:
            everybody.set()
        await gate.wait()
        waiting.remove(name)
        return web.json_response({})

    async with served(handle) as port:
        config = ClientConfig(server=f"http://127.0.0.1:{port}")
        async with RestClient(config) as client:
            clients = {"first": client.limit_requests(2), "second": client.limit_requests(1)}
            clients["original"] = client
            async with asyncio.timeout(20), asyncio.TaskGroup() as group:
                for name, each in clients.items():
                    for _ in range(4):
                        group.create_task(each.request("GET", f"/{name}"))
                # All of the original's requests wait beside those of the limited clients.
                await everybody.wait()
                gate.set()
    assert most == {"first": 2, "second": 1, "original": 4}


async def test_a_limited_client_leaves_the_connections_to_the_original(
    server: Any, client: RestClient
) -> None:
    server.put("/api/v1/nodes/n", {"metadata": {"name": "n"}})
    limited = client.limit_requests(1)
    await limited.close()
    for each in (limited, client):
        assert (await each.resource("", "v1", "nodes").get("n"))["metadata"]["name"] == "n"


async def test_a_limited_client_keeps_the_user_agent_and_guards_its_changes(client: RestClient) -> None:
    """The scheduler limits a client that is guarded by its lease."""
    limited = client.guard_changes(lambda: 0.0).limit_requests(1)
    assert limited.user_agent == client.user_agent
    with pytest.raises(TransportError):
        await limited.resource("", "v1", "nodes").delete("n")


async def test_a_closed_client_opens_no_connection(server: Any) -> None:
    path = "/api/v1/namespaces/ns/configmaps/a"
    server.put(path, {"metadata": {"name": "a"}})
    async with server.client() as client:
        await client.request("GET", path)
    with pytest.raises(TransportError, match="the client is closed"):
        await client.request("GET", path)
    assert len(server.requests) == 1


async def test_each_response_is_observed_with_its_code(server: Any, refuse: Any) -> None:
    seen: list[tuple[str, str]] = []
    server.answers = [refuse(429, "TooManyRequests", {"Retry-After": "0"})]
    async with server.client(
        observe=lambda _host, method, code, _seconds: seen.append((method, code))
    ) as client:
        with pytest.raises(ApiError):
            await client.derive("other").resource("", "v1", "pods").get("missing", namespace="ns")
    assert seen == [("GET", "429"), ("GET", "404")]


async def test_a_request_without_a_response_is_observed_as_an_error() -> None:
    seen: list[tuple[str, str, str]] = []
    config = ClientConfig(server="http://127.0.0.1:1")
    async with RestClient(config, observe=lambda *found: seen.append(found[:3])) as client:
        with pytest.raises(TransportError):
            await client.request("GET", "/api")
    assert seen == [("127.0.0.1:1", "GET", "<error>")]
