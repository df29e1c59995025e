"""TLS to an extender: which certificates are accepted, and which one is shown."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kprov.contract.scheduler.extenders import Extender
from kprov.contract.scheduler.sections import read
from kprov.kube.scheduler.extenders.http_extender import ExtenderError, HttpExtender
from tests.apiserver.servers import Authority
from tests.builders.nodes import view_node
from tests.builders.pods import view_pod


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "extenders")


@pytest.fixture
async def url(authority: Authority) -> AsyncIterator[str]:
    """An extender that wants a client's certificate and accepts all nodes."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.load_cert_chain(*authority.issue("extender", "extender", serves=True))
    context.verify_mode = ssl.CERT_REQUIRED

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"NodeNames": (await request.json())["NodeNames"]})

    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def filter_nodes(url: str, **tls: Any) -> list[str]:
    fields = {"urlPrefix": url, "filterVerb": "filter", "nodeCacheCapable": True, "enableHTTPS": True}
    extender = HttpExtender(read(Extender, fields | {"tlsConfig": tls}))
    try:
        return list((await extender.filter(view_pod(), [view_node("a"), view_node("b")])).nodes)
    finally:
        await extender.close()


def list_files(authority: Authority) -> dict[str, str]:
    certificate, key = authority.issue("scheduler", "kube-scheduler")
    return {"certFile": str(certificate), "keyFile": str(key)}


async def test_files_of_authority_and_certificate(url: str, authority: Authority) -> None:
    assert await filter_nodes(url, caFile=str(authority.file), **list_files(authority)) == ["a", "b"]


async def test_their_content_in_base64(url: str, authority: Authority) -> None:
    files = {"caFile": str(authority.file)} | list_files(authority)
    data = {
        name.replace("File", "Data"): base64.b64encode(Path(file).read_bytes()).decode()
        for name, file in files.items()
    }
    assert await filter_nodes(url, **data) == ["a", "b"]


async def test_without_an_authority_every_server_is_accepted(url: str, authority: Authority) -> None:
    assert await filter_nodes(url, **list_files(authority)) == ["a", "b"]


async def test_a_server_of_another_authority_is_refused(
    url: str, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    with pytest.raises(ExtenderError, match="certificate verify failed"):
        await filter_nodes(url, caFile=str(other.file), **list_files(authority))
    insecure = {"caFile": str(other.file), "insecure": True}
    assert await filter_nodes(url, **insecure, **list_files(authority)) == ["a", "b"]


async def test_the_name_of_the_server_counts(url: str, authority: Authority) -> None:
    files = list_files(authority)
    with pytest.raises(ExtenderError, match="Hostname mismatch"):
        await filter_nodes(url, caFile=str(authority.file), serverName="other.example.com", **files)


async def test_a_client_without_a_certificate_is_refused_by_the_server(
    url: str, authority: Authority
) -> None:
    with pytest.raises(ExtenderError, match=url):
        await filter_nodes(url, caFile=str(authority.file))


async def test_a_file_that_does_not_exist_is_named(url: str) -> None:
    with pytest.raises(ExtenderError, match=r"tlsConfig: .*'/nowhere/ca.crt'"):
        await filter_nodes(url, caFile="/nowhere/ca.crt")
