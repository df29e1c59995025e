"""The kubelet's server itself, whatever its pods are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import aiohttp
import pytest

from kprov.kube.api.meta import NodeName
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri.client import CriClient
from kprov.kube.kubelet.server.app import KubeletServer, PodSource


@pytest.fixture
async def url(unused_tcp_port: int) -> AsyncIterator[str]:
    """Of a server without TLS that lets everybody in."""
    config = KubeletConfiguration(
        node_name=NodeName("n1"), address="127.0.0.1", port=unused_tcp_port, anonymous=True, authorization_mode="AlwaysAllow"
    )  # fmt: skip
    # No request of these tests gets as far as a pod.
    server = KubeletServer(config, cast("PodSource", None), cast("CriClient", None), None)
    await server.start()
    yield f"http://127.0.0.1:{unused_tcp_port}"
    await server.stop()


@pytest.mark.parametrize(("path", "code"), [("/healthz", 200), ("/nothing", 404), ("/", 404)])
async def test_no_answer_names_the_library_that_wrote_it(url: str, path: str, code: int) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{url}{path}") as answer:
        assert answer.status == code
        assert "Server" not in answer.headers


@pytest.mark.parametrize("path", ["/exec/default/p/c", "/attach/default/p/c", "/portForward/default/p"])
async def test_a_stream_needs_an_upgrade(url: str, path: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{url}{path}") as answer:
        assert (answer.status, await answer.text()) == (400, "Upgrade request required\n")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", 'query parameter "port" is required\n'),
        ("?port=80,x", 'unable to parse "x" as a port\n'),
        ("?port=0", 'unable to parse "0" as a port\n'),
        ("?port=80&port=65536", 'unable to parse "65536" as a port\n'),
    ],
)
async def test_channels_of_port_forwarding_need_ports(url: str, query: str, text: str) -> None:
    asks = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Protocol": "v4.channel.k8s.io"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/portForward/default/p{query}", headers=asks) as answer,
    ):
        assert (answer.status, await answer.text()) == (400, text)
