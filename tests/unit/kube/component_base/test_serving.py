"""Health and metrics over HTTP."""

import re
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest

from kprov.kube.component_base.serving import HealthServer


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
