"""Tokens of service accounts: requested once, replaced in time, dropped when a server rejects them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson
import pytest
from aiohttp import web

from kprov.kube.client import ApiError, RestClient
from kprov.kube.client.kubeconfig import ClientConfig
from kprov.kube.controller_manager.framework.clients import ClientBuilder
from kprov.kube.controller_manager.framework.service_account_token import ServiceAccountToken
from kprov.kube.machinery import timestamps
from tests.unit.kube.http_server import served

_ROOT = "/api/v1/namespaces/kube-system/serviceaccounts"


@dataclass
class TokenServer:
    """Issues tokens of an hour: token-0, token-1 ..., and rejects those in `invalid`."""

    accounts: set[str] = field(default_factory=set)
    invalid: set[str] = field(default_factory=set)
    requests: list[tuple[str, str, str, str]] = field(default_factory=list)
    numbers: Any = field(default_factory=count)
    is_down: bool = False
    port: int = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.requests.append((request.method, request.path, token, request.headers["User-Agent"]))
        name = request.path.removeprefix(_ROOT).strip("/")
        if self.is_down and request.path.startswith(_ROOT):
            return _reply({"kind": "Status", "reason": "InternalError"}, 500)
        if token in self.invalid:
            return _reply({"kind": "Status", "reason": "Unauthorized"}, 401)
        if request.path == _ROOT:
            self.accounts.add(orjson.loads(await request.read())["metadata"]["name"])
        elif name.endswith("/token"):
            end = timestamps.show(datetime.now(UTC) + timedelta(hours=1))
            return _reply({"status": {"token": f"token-{next(self.numbers)}", "expirationTimestamp": end}})
        elif request.path.startswith(_ROOT) and name not in self.accounts:
            return _reply({"kind": "Status", "reason": "NotFound"}, 404)
        return _reply({})


def _reply(document: Any, code: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(document), status=code, content_type="application/json")


@pytest.fixture
async def server() -> AsyncIterator[TokenServer]:
    found = TokenServer()
    async with served(found.handle) as found.port:
        yield found


@pytest.fixture
async def root(server: TokenServer) -> AsyncIterator[RestClient]:
    async with RestClient(ClientConfig(server=f"http://127.0.0.1:{server.port}", token="root")) as client:
        yield client


async def test_a_missing_account_is_created_and_requests_carry_its_token(
    server: TokenServer, root: RestClient
) -> None:
    async with RestClient(root.config.without_credentials()) as unidentified:
        client = ClientBuilder(root, unidentified).make_client("job-controller")
        await asyncio.gather(*(client.request("GET", "/api") for _ in range(3)))
    assert server.accounts == {"job-controller"}
    made = [each for each in server.requests if each[0] == "POST"]
    assert [(path, token) for _, path, token, _ in made] == [
        (_ROOT, "root"),
        (f"{_ROOT}/job-controller/token", "root"),
    ]
    own = [each for each in server.requests if each[1] == "/api"]
    assert {token for _, _, token, _ in own} == {"token-0"}
    (agent,) = {agent for *_, agent in own}
    assert agent.startswith("kube-controller-manager/")
    assert agent.endswith("/system:serviceaccount:kube-system:job-controller")


async def test_without_accounts_all_clients_have_the_identity_of_the_kubeconfig(
    server: TokenServer, root: RestClient
) -> None:
    await ClientBuilder(root).make_client("job-controller").request("GET", "/api")
    ((_, _, token, agent),) = server.requests
    assert token == "root"
    assert agent.endswith("/job-controller")


async def test_a_token_is_replaced_after_four_fifths_of_its_life(
    server: TokenServer, root: RestClient
) -> None:
    now = 0.0
    source = ServiceAccountToken(root, "a", clock=lambda: now)
    assert await source.get_token() == "token-0"
    now = 2800
    assert await source.get_token() == "token-0"
    now = 2900
    assert await source.get_token() == "token-1"
    assert len(server.accounts) == 1


async def test_an_old_token_serves_on_while_the_server_issues_none(
    server: TokenServer, root: RestClient
) -> None:
    now = 0.0
    source = ServiceAccountToken(root, "a", clock=lambda: now)
    await source.get_token()
    now, server.is_down = 3000, True
    assert await source.get_token() == "token-0"
    server.is_down = False
    assert await source.get_token() == "token-1"


async def test_a_rejected_token_is_not_used_again(server: TokenServer, root: RestClient) -> None:
    async with RestClient(root.config.without_credentials()) as unidentified:
        client = ClientBuilder(root, unidentified).make_client("job-controller")
        await client.request("GET", "/api")
        server.invalid.add("token-0")
        with pytest.raises(ApiError) as caught:
            await client.request("GET", "/api")
        assert caught.value.code == 401
        await client.request("GET", "/api")
    assert server.requests[-1][2] == "token-1"
