"""Requests that go through the server to a backend, over real sockets on the loopback interface."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from kprov.kube.apiserver.streaming import forward, headers, kubelet, upgrade
from kprov.kube.component_base.http11 import dial_errors
from kprov.kube.component_base.http11.client import ClientConnection
from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, Response
from kprov.kube.machinery import status

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[int]]
Own = Callable[[Request], Awaitable[BaseResponse]]
Front = Callable[[Own], Awaitable[int]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners = []

    async def start(handler: Handler) -> int:
        runner = web.ServerRunner(web.Server(handler, handler_cancellation=True, auto_decompress=False))
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])

    yield start
    for runner in reversed(runners):
        await runner.cleanup()


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    """As `serve`, with the API server's own listener."""
    listeners = []

    async def start(handler: Callable[[Request], Awaitable[BaseResponse]]) -> int:
        listener = Listener(handler)
        listeners.append(listener)
        await listener.start("127.0.0.1", 0)
        return listener.port

    yield start
    for listener in listeners:
        await listener.close()


def tunnel_to(port: int) -> Own:
    async def handle(request: Request) -> BaseResponse:
        url = urlsplit(f"http://127.0.0.1:{port}{request.raw_path}")
        return await upgrade.proxy_upgrade(request, url, headers.filter_upgrade(request), None)

    return handle


async def test_a_websocket_goes_through_with_its_subprotocol(serve: Serve, front: Front) -> None:
    async def kubelet_side(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
        await socket.prepare(request)
        async for message in socket:
            await socket.send_bytes(message.data.upper())
        return socket

    port = await front(tunnel_to(await serve(kubelet_side)))
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{port}/exec", protocols=["v5.channel.k8s.io"]) as socket,
    ):
        assert socket.protocol == "v5.channel.k8s.io"
        await socket.send_bytes(b"hello")
        message = await socket.receive()
        assert (message.type, message.data) == (WSMsgType.BINARY, b"HELLO")


class Echo(asyncio.Protocol):
    """A backend that switches to any protocol and then gives back what it gets."""

    def __init__(self) -> None:
        self.head = b""
        self.switched = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.switched:
            self.transport.write(data)
            return
        self.head += data
        if b"\r\n\r\n" in self.head:
            self.switched = True
            self.transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
                b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\nfirst"
            )


async def test_spdy_goes_through_byte_for_byte_and_slow_readers_lose_nothing(front: Front) -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    port = await front(tunnel_to(server.sockets[0].getsockname()[1]))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /exec HTTP/1.1\r\nHost: api\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
        b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\nContent-Length: 0\r\n\r\n"
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"X-Stream-Protocol-Version: v4.channel.k8s.io" in head
    assert await reader.readexactly(5) == b"first"
    data = bytes(range(256)) * 8192
    writer.write(data)
    assert await reader.readexactly(len(data)) == data
    writer.close()
    server.close()


async def test_the_end_of_the_backend_is_the_end_of_the_client(front: Front) -> None:
    async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nbye")
        writer.close()

    server = await asyncio.start_server(backend, "127.0.0.1", 0)
    port = await front(tunnel_to(server.sockets[0].getsockname()[1]))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: api\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
    assert (await reader.read()).endswith(b"bye")
    writer.close()
    server.close()


async def test_the_end_of_the_client_is_the_end_of_the_backend(front: Front) -> None:
    ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        await reader.readexactly(4)
        writer.write(b"seen")
        ended.set_result(await reader.read())
        writer.close()

    server = await asyncio.start_server(backend, "127.0.0.1", 0)
    port = await front(tunnel_to(server.sockets[0].getsockname()[1]))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: api\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"last")
    assert await reader.readexactly(4) == b"seen"
    writer.close()
    assert await asyncio.wait_for(ended, 5) == b""
    server.close()


async def test_a_refused_upgrade_is_passed_on_and_ends_the_connection(serve: Serve, front: Front) -> None:
    async def kubelet_side(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=404, text='container not found ("c")\n', headers={"X-Said": "no"})

    port = await front(tunnel_to(await serve(kubelet_side)))
    sent = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}/exec", headers=sent) as answer,
    ):
        assert (answer.status, await answer.text()) == (404, 'container not found ("c")\n')
        assert answer.headers["X-Said"] == "no"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /exec HTTP/1.1\r\nHost: api\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(), 5)).endswith(b'container not found ("c")\n')
    writer.close()


def forward_to(port: int) -> Own:
    async def handle(request: Request) -> BaseResponse:
        path = request.target.removeprefix("/proxy")
        url = urlsplit(f"http://127.0.0.1:{port}{path}")
        return await forward.forward_request(request, url, "/proxy", kubelet.build_unverified_context())

    return handle


async def test_a_request_is_forwarded_with_body_query_and_encoded_path(serve: Serve, front: Front) -> None:
    async def backend(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        text = f"{request.method} {request.rel_url.raw_path_qs} {body.decode()}"
        forwarded = request.headers["X-Forwarded-Uri"]
        return web.Response(status=418, text=text, headers={"X-Saw": forwarded, "Location": "/next"})

    port = await front(forward_to(await serve(backend)))
    async with (
        aiohttp.ClientSession() as session,
        session.put(
            f"http://127.0.0.1:{port}/proxy/a%2Fb".replace("%2F", "%20"), params={"q": "1"}, data=b"x"
        ) as answer,
    ):
        assert (answer.status, await answer.text()) == (418, "PUT /a%20b?q=1 x")
        assert answer.headers["X-Saw"] == "/proxy/a%20b"
        assert answer.headers["Location"] == "/proxy/next"


async def test_a_backend_does_not_say_who_may_read_and_nothing_of_its_connection(
    serve: Serve, front: Front
) -> None:
    async def backend(request: web.BaseRequest) -> web.StreamResponse:
        assert "X-Forwarded-Host" not in request.headers
        assert "X-Forwarded-Proto" not in request.headers
        headers = {"Connection": "X-Hop", "X-Hop": "1", "X-Kept": "2", "Access-Control-Allow-Origin": "*"}
        return web.Response(status=299, reason="Odd", headers=headers)

    port = await front(forward_to(await serve(backend)))
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/proxy/") as answer:
        assert (answer.status, answer.reason) == (299, "status code 299")
        assert answer.headers["X-Kept"] == "2"
        assert answer.headers["Cache-Control"] == "no-cache, private"
        assert not {"X-Hop", "Access-Control-Allow-Origin"} & set(answer.headers)


async def _text(port: int, way: str) -> str:
    """The answer of a front to who wants to be forwarded or upgraded."""
    sent = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"} if way == "upgraded" else {}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/proxy/", headers=sent) as answer,
    ):
        return await answer.text()


_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


@pytest.mark.parametrize("way", ["forwarded", "upgraded", "refused"])
async def test_an_answer_has_only_the_date_of_the_backend(front: Front, way: str) -> None:
    status_line = {"forwarded": "200 OK", "upgraded": "101 Switching Protocols", "refused": "403 Forbidden"}
    upgrade = "Connection: Upgrade\r\nUpgrade: x\r\n"
    head = f"HTTP/1.1 {status_line[way]}\r\nDate: {_DATE}\r\n"
    server = await _saying((head + (upgrade if way == "upgraded" else "") + "\r\n").encode())
    behind = server.sockets[0].getsockname()[1]
    port = await front(forward_to(behind) if way == "forwarded" else tunnel_to(behind))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asks = "" if way == "forwarded" else upgrade
    writer.write(f"GET /proxy/ HTTP/1.1\r\nHost: api\r\n{asks}\r\n".encode())
    answer = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    assert answer[0].startswith(f"HTTP/1.1 {status_line[way]}")
    assert [line for line in answer if line.lower().startswith("date:")] == [f"Date: {_DATE}"]
    writer.close()
    server.close()


@pytest.mark.parametrize("way", ["forwarded", "upgraded"])
async def test_the_error_for_an_unreachable_host_has_gos_words(
    front: Front, unused_tcp_port: int, way: str
) -> None:
    go_on = forward_to if way == "forwarded" else tunnel_to

    async def told(request: Request) -> BaseResponse:
        try:
            return await go_on(unused_tcp_port)(request)
        except status.StatusError as error:
            return Response(str(error).encode(), status=error.code)

    text = await _text(await front(told), way)
    assert text.endswith(f": dial tcp 127.0.0.1:{unused_tcp_port}: connect: connection refused")


@pytest.mark.parametrize("way", ["forwarded", "upgraded"])
async def test_the_error_for_an_unresolvable_host_has_gos_words(front: Front, way: str) -> None:
    async def told(request: Request) -> BaseResponse:
        url = urlsplit("http://no-such-host.invalid:80/")
        try:
            if way == "upgraded":
                return await upgrade.proxy_upgrade(request, url, headers.filter_upgrade(request), None)
            return await forward.forward_request(request, url, "/proxy", kubelet.build_unverified_context())
        except status.StatusError as error:
            return Response(str(error).encode(), status=error.code)

    text = await _text(await front(told), way)
    assert text.endswith(": dial tcp: lookup no-such-host.invalid: no such host")


async def test_the_error_for_an_unknown_authority_has_gos_words(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubelet")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "kubelet.pem").write_bytes(pem + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "kubelet.pem")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    url = urlsplit(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    async with server:
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            await ClientConnection.open(url, ssl.create_default_context())
    text = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    assert dial_errors.describe_error(caught.value, url) == text


async def _saying(said: bytes) -> asyncio.Server:
    """A backend that hears a head, says that and hangs up."""

    async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    return await asyncio.start_server(backend, "127.0.0.1", 0)


def _told(handler: Own) -> Own:
    """Answers with the refusal that comes of it."""

    async def told(request: Request) -> BaseResponse:
        with pytest.raises(status.StatusError) as caught:
            await handler(request)
        return Response(f"{caught.value.code} {caught.value.reason}{caught.value}".encode())

    return told


@pytest.mark.parametrize(
    ("said", "text"),
    [(b"", "unexpected EOF"), (b"HTTP/1.1 302 Found\r\nLocation: /a\r\n\r\n", "invalid upgrade response: status code 302")],
)  # fmt: skip
async def test_a_backend_that_hangs_up_or_leads_elsewhere_switches_nothing(
    front: Front, said: bytes, text: str
) -> None:
    server = await _saying(said)
    told = _told(tunnel_to(server.sockets[0].getsockname()[1]))
    sent = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{await front(told)}/exec", headers=sent) as answer,
    ):
        assert await answer.text() == f"500 {text}"
    server.close()


async def test_a_backend_that_switches_protocols_unasked_is_refused(front: Front) -> None:
    server = await _saying(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nanything"
    )
    told = _told(forward_to(server.sockets[0].getsockname()[1]))
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{await front(told)}/proxy/x") as answer,
    ):
        assert await answer.text() == '500 backend tried to switch protocol "x" when "" was requested'
    server.close()


async def test_the_links_of_a_page_lead_through_the_proxy(serve: Serve, front: Front) -> None:
    async def backend(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text='<a href="/next">\u00e9</a>', content_type="text/html")

    port = await front(forward_to(await serve(backend)))
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/proxy/") as answer:
        assert await answer.text() == '<a href="/proxy/next">\u00e9</a>'


@pytest.mark.parametrize(
    ("sent", "encoding", "content_encoding"), [({}, "gzip", None), ({"Accept-Encoding": "gzip"}, "gzip", "gzip"), ({"Accept-Encoding": "br"}, "br", "gzip")],
)  # fmt: skip
async def test_gzip_is_asked_for_and_unpacked_for_who_says_nothing(
    serve: Serve, front: Front, sent: dict[str, str], encoding: str, content_encoding: str | None
) -> None:
    packed = gzip.compress(b"text")

    async def backend(request: web.BaseRequest) -> web.StreamResponse:
        assert request.headers["Accept-Encoding"] == encoding
        assert request.headers["Host"] == "api"
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    port = await front(forward_to(await serve(backend)))
    async with (
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as session,
        session.get(f"http://127.0.0.1:{port}/proxy/", headers={"Host": "api", **sent}) as answer,
    ):
        assert await answer.read() == (packed if content_encoding else b"text")
        assert answer.headers.get("Content-Encoding") == content_encoding


async def test_what_has_not_changed_has_no_type(serve: Serve, front: Front) -> None:
    async def backend(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=304, headers={"Content-Type": "text/plain", "ETag": "1"})

    port = await front(forward_to(await serve(backend)))
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/proxy/") as answer:
        assert (answer.status, answer.headers["ETag"]) == (304, "1")
        assert "Content-Type" not in answer.headers


async def test_a_stream_arrives_while_it_is_written(serve: Serve, front: Front) -> None:
    seen = asyncio.Event()

    async def backend(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one")
        await seen.wait()
        await response.write(b"two")
        return response

    port = await front(forward_to(await serve(backend)))
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/proxy/") as answer:
        assert await answer.content.readany() == b"one"
        seen.set()
        assert await answer.content.read() == b"two"
