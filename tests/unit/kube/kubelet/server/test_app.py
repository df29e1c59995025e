"""The kubelet's server itself, whatever its pods are."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import aiohttp
import pytest

from kprov.kube.api.meta import NodeName
from kprov.kube.component_base import self_signed
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri.client import CriClient
from kprov.kube.kubelet.server.app import KubeletServer, PodSource


@pytest.fixture
async def url(unused_tcp_port: int) -> AsyncIterator[str]:
    """Of a server without TLS that lets everybody in."""
    async with serve(unused_tcp_port):
        yield f"http://127.0.0.1:{unused_tcp_port}"


@asynccontextmanager
async def serve(port: int, **fields: str) -> AsyncIterator[None]:
    config = KubeletConfiguration(
        node_name=NodeName("n1"), address="127.0.0.1", port=port, anonymous=True, authorization_mode="AlwaysAllow"
    )  # fmt: skip
    for name, value in fields.items():
        setattr(config, name, value)
    # No request of these tests gets as far as a pod.
    server = KubeletServer(config, cast("PodSource", None), cast("CriClient", None), None)
    await server.start()
    try:
        yield
    finally:
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


async def test_an_unexpected_error_is_500_and_logged(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(f"{url}/pods") as answer:
                assert (answer.status, await answer.text()) == (500, "Internal Server Error\n")
    assert "GET /pods failed" in caplog.text


async def test_a_tls_port_tells_clients_without_tls(unused_tcp_port: int) -> None:
    certificate, key = self_signed.create_certificate("localhost")
    async with serve(unused_tcp_port, tls_cert_file=certificate, tls_private_key_file=key):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"Client sent an HTTP request to an HTTPS server." in await reader.read()
        writer.close()


async def test_the_certificate_of_a_client_is_its_name(unused_tcp_port: int) -> None:
    certificate, key = self_signed.create_certificate("localhost")
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    fields = {"tls_cert_file": certificate, "tls_private_key_file": key, "client_ca_file": certificate}
    async with serve(unused_tcp_port, **fields, anonymous=""):
        url = f"https://127.0.0.1:{unused_tcp_port}/healthz"
        unnamed = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=unnamed) as session, session.get(url) as answer:
            assert (answer.status, await answer.text()) == (401, "Unauthorized")
        context.load_cert_chain(certificate, key)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            for _ in range(2):
                async with session.get(url) as answer:
                    assert (answer.status, await answer.text()) == (200, "ok")
