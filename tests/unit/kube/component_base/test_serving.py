"""Health and metrics over HTTP."""

import asyncio
import re
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization

from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.serving import HealthServer, peer_identity
from tests.certificates import Issuer

_START: str = """
import asyncio, sys
from kprov.kube.component_base.serving import HealthServer

async def main():
    server = HealthServer(address="127.0.0.1", port=0, self_signed=True)
    await server.start()
    await server.stop()

asyncio.run(main())
sys.exit("aiohttp" in sys.modules)
"""


@pytest.fixture
async def server() -> AsyncIterator[HealthServer]:
    server = HealthServer(address="127.0.0.1", port=0)
    await server.start()
    yield server
    await server.stop()


async def get(server: HealthServer, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}{path}") as response,
    ):
        return response.status, await response.text()


async def test_healthy_component_answers_ok(server: HealthServer) -> None:
    assert await get(server, "/healthz") == (200, "ok")
    assert await get(server, "/livez/ping") == (200, "ok")


async def test_a_failed_check_is_named_and_only_readiness_fails_for_a_readiness_check(
    server: HealthServer,
) -> None:
    server.add_check("informers", lambda: "not yet", ready_only=True)
    assert (await get(server, "/livez"))[0] == 200
    status, text = await get(server, "/readyz")
    assert status == 500
    assert text == "[+]ping ok\n[-]informers failed: not yet\nreadyz check failed\n"
    assert await get(server, "/readyz?exclude=informers") == (200, "ok")


async def test_metrics_are_published(server: HealthServer) -> None:
    status, text = await get(server, "/metrics")
    assert status == 200
    assert "process_resident_memory_bytes" in text


async def test_unknown_path_of_a_health_server_is_404(server: HealthServer) -> None:
    assert (await get(server, "/nothing"))[0] == 404


async def test_a_server_of_tls_13_refuses_older_versions() -> None:
    server = HealthServer(address="127.0.0.1", port=0, self_signed=True, tls_min_version="VersionTLS13")
    await server.start()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"https://127.0.0.1:{server.port}/livez", ssl=context)
    finally:
        await server.stop()


async def test_the_build_and_the_results_of_health_checks_are_metrics(server: HealthServer) -> None:
    server.add_check("informers", lambda: "not yet", ready_only=True)
    await get(server, "/livez")
    await get(server, "/readyz")
    _, text = await get(server, "/metrics/slis")
    assert 'kubernetes_healthcheck{name="informers",type="readyz"} 0.0' in text
    assert 'kubernetes_healthchecks_total{name="ping",status="success",type="livez"} 1.0' in text
    _, text = await get(server, "/metrics")
    assert re.search(r'kubernetes_build_info{.*git_version="v1\.36\.0\+kprov".*} 1\.0', text)
    assert "kubernetes_healthcheck" not in text


async def test_a_head_request_gets_the_head_alone(server: HealthServer) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.head(f"http://127.0.0.1:{server.port}/healthz") as response,
    ):
        assert (response.status, response.headers["Content-Length"], await response.read()) == (200, "2", b"")


@pytest.mark.parametrize("target", ["/", "//", "*", "/healthz/nothing", "/metrics/nothing", "mailto:a"])
async def test_an_unknown_target_is_404(server: HealthServer, target: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert answer.endswith(b"\r\n\r\n404 page not found\n")
    writer.close()


async def test_a_port_in_use_is_an_error_of_the_start(server: HealthServer) -> None:
    second = HealthServer(address="127.0.0.1", port=server.port)
    with pytest.raises(OSError, match="in use"):
        await second.start()
    await second.stop()


async def test_a_request_under_way_gets_its_response_when_the_server_stops() -> None:
    arrived, proceed = asyncio.Event(), asyncio.Event()

    async def authorize(_: Request) -> None:
        arrived.set()
        await proceed.wait()

    server = HealthServer(address="127.0.0.1", port=0, authorize=authorize)
    await server.start()
    idle, writer = await asyncio.open_connection("127.0.0.1", server.port)
    request = asyncio.create_task(get(server, "/metrics"))
    await arrived.wait()
    stop = asyncio.create_task(server.stop())
    assert await idle.read() == b""
    writer.close()
    assert not stop.done()
    proceed.set()
    assert (await request)[0] == 200
    await stop
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_a_failed_authorization_is_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    async def authorize(_: Request) -> None:
        raise RuntimeError("no answer")

    server = HealthServer(address="127.0.0.1", port=0, authorize=authorize)
    await server.start()
    assert await get(server, "/metrics") == (500, "Internal Server Error\n")
    assert await get(server, "/healthz") == (200, "ok")
    assert "GET /metrics failed" in caplog.text
    await server.stop()


async def test_a_plain_request_to_a_tls_port_is_told_so() -> None:
    server = HealthServer(address="127.0.0.1", port=0, self_signed=True)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"Client sent an HTTP request to an HTTPS server" in await reader.read()
    writer.close()
    await server.stop()


def _write_pair(issuer: Issuer, folder: Path, name: str, *groups: str, serves: bool = False) -> Path:
    """Certificate and key of a new pair in one file."""
    certificate, key = issuer.issued(name, groups, serves=serves)
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{name}.pem"
    path.write_bytes(certificate.public_bytes(pem) + secret)
    return path


@pytest.mark.parametrize("shows_certificate", [True, False])
async def test_a_client_certificate_opens_metrics_and_names_its_user(
    tmp_path: Path, *, shows_certificate: bool
) -> None:
    issuer = Issuer("clients")
    authority = tmp_path / "ca.crt"
    authority.write_bytes(issuer.certificate.public_bytes(serialization.Encoding.PEM))
    own = str(_write_pair(issuer, tmp_path, "server", serves=True))
    identities: list[tuple[str, list[str]]] = []

    async def authorize(request: Request) -> None:
        identities.append(peer_identity(request))

    context = ssl.create_default_context(cafile=str(authority))
    if shows_certificate:
        context.load_cert_chain(_write_pair(issuer, tmp_path, "alice", "developers", "testers"))
    options = {"address": "127.0.0.1", "port": 0, "tls_cert_file": own, "tls_private_key_file": own}
    servers = [
        HealthServer(**options, client_ca_file=str(authority)),  # type: ignore[arg-type]
        HealthServer(**options, client_ca_file=str(authority), authorize=authorize),  # type: ignore[arg-type]
    ]
    statuses = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        for server in servers:
            await server.start()
            for path in ("metrics", "healthz"):
                async with session.get(f"https://127.0.0.1:{server.port}/{path}") as response:
                    statuses.append(response.status)
    for server in servers:
        await server.stop()
    assert statuses == [200 if shows_certificate else 401, 200, 200, 200]
    assert identities == [("alice", ["developers", "testers"]) if shows_certificate else ("", [])]


def test_a_server_needs_no_http_library() -> None:
    assert subprocess.run([sys.executable, "-c", _START], check=False, timeout=60).returncode == 0
