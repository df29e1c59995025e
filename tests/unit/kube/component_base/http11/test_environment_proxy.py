"""Requests through the proxy that the environment names."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from kprov.kube.component_base import self_signed
from kprov.kube.component_base.http11 import environment_proxy
from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import Response


class Proxy:
    """Connects every CONNECT to one port. refusal: sent in place of 200."""

    def __init__(self) -> None:
        self.port = 0
        self.backend = 0
        self.refusal = b""
        self.heads: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if self.refusal or not self.heads[-1].startswith("CONNECT "):
            writer.write(self.refusal or b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain")
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        behind, out = await asyncio.open_connection("127.0.0.1", self.backend)

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(copy(reader, out), copy(behind, writer), return_exceptions=True)


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    made = Proxy()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://us%40er:pass@127.0.0.1:{made.port}")
    monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{made.port}")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    async with server:
        yield made


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def test_https_goes_through_a_tunnel(proxy: Proxy) -> None:
    async def handle(request: Request) -> Response:
        return Response(f"{request.host}{request.target}".encode())

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed.create_certificate("localhost"))
    listener = Listener(handle)
    await listener.start("127.0.0.1", 0, context)
    proxy.backend = listener.port
    connection, target = await environment_proxy.open_connection(
        urlsplit("https://issuer.example/keys?a"), unverified()
    )
    async with connection:
        head = await connection.request("GET", target, "issuer.example", [])
        assert b"".join([piece async for piece in connection.iter_body(head)]) == b"issuer.example/keys?a"
    await listener.close()
    (sent,) = proxy.heads
    assert sent.startswith("CONNECT issuer.example:443 HTTP/1.1\r\nHost: issuer.example:443\r\n")
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'us@er:pass').decode()}\r\n" in sent


async def test_a_proxy_gets_the_whole_url_of_plain_http(proxy: Proxy) -> None:
    url = urlsplit("http://issuer.example:8080/keys?a")
    connection, target = await environment_proxy.open_connection(url, unverified())
    async with connection:
        head = await connection.request("GET", target, url.netloc, [])
        assert await connection.read_error_body(head) == b"plain"
    assert proxy.heads[0].startswith("GET http://issuer.example:8080/keys?a HTTP/1.1\r\n")


async def test_the_refusal_of_a_proxy_is_an_error(proxy: Proxy) -> None:
    proxy.refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(OSError, match="proxyconnect tcp: 407 Proxy Authentication Required"):
        await environment_proxy.open_connection(urlsplit("https://issuer.example/"), unverified())


async def test_a_proxy_that_speaks_tls_itself_is_not_supported(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
    with pytest.raises(OSError, match='unsupported proxy scheme "https"'):
        await environment_proxy.open_connection(urlsplit("https://issuer.example/"), unverified())


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "inside.example", "a.inside.example"])
def test_some_hosts_are_reached_directly(host: str) -> None:
    assert environment_proxy.find_proxy(urlsplit(f"https://{host}/")) is None
