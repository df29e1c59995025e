"""HTTP requests of probes and hooks: upstream's rules, and pods that do not play by them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest

from kprov.kube.api.core import HTTPGetAction
from kprov.kube.api.core.containers import HTTPHeader
from kprov.kube.component_base import self_signed
from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import Response
from kprov.kube.kubelet.probes import http_request
from kprov.kube.kubelet.probes.errors import HandlerError
from tests.unit.kube import hostile_server
from tests.unit.kube.hostile_server import BOUND, Trick, hostile

HOST = "127.0.0.1"


class Container:
    """Answers by path: /301..., /body (20 KiB), any other with 200; keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.location = ""
        self.listener = Listener(self.handle)

    async def handle(self, request: Request) -> Response:
        self.requests.append(request)
        if request.path == "/body":
            return Response(bytes(20 * 1024))
        code = request.path.strip("/")
        if code.isdigit():
            return Response(b"moved", status=int(code), headers={"Location": self.location})
        return Response(b"ok")

    @property
    def port(self) -> int:
        return self.listener.port


@pytest.fixture(params=["HTTP", "HTTPS"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def container(scheme: str) -> AsyncIterator[Container]:
    made = Container()
    context = None
    if scheme == "HTTPS":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self_signed.create_certificate("elsewhere"))
    await made.listener.start(HOST, 0, context)
    yield made
    await made.listener.close()


def action(path: str = "/", scheme: str = "HTTP", **headers: str) -> HTTPGetAction:
    listed = [HTTPHeader(name=name.replace("_", "-"), value=value) for name, value in headers.items()]
    return HTTPGetAction(path=path, scheme=scheme, http_headers=listed)


async def probe(port: int, path: str = "/", scheme: str = "HTTP", **headers: str) -> str:
    return await http_request.probe(action(path, scheme, **headers), HOST, port, 10.0)


async def test_certificates_are_not_verified(container: Container, scheme: str) -> None:
    assert await probe(container.port, "/a?b=c", scheme) == ""
    assert container.requests[0].target == "/a?b=c"


async def test_a_long_body_is_cut(container: Container, scheme: str) -> None:
    assert await probe(container.port, "/body", scheme) == ""


@pytest.mark.parametrize("code", [400, 404, 500, 503])
async def test_an_error_fails_the_probe_and_says_only_its_code(
    container: Container, scheme: str, code: int
) -> None:
    with pytest.raises(HandlerError) as caught:
        await probe(container.port, f"/{code}", scheme)
    assert str(caught.value) == f"HTTP probe failed with statuscode: {code}"


async def test_a_redirect_within_the_host_is_followed(container: Container, scheme: str) -> None:
    container.location = "/503"
    with pytest.raises(HandlerError, match="statuscode: 503"):
        await probe(container.port, "/302", scheme)
    assert [request.target for request in container.requests] == ["/302", "/503"]


async def test_a_redirect_to_another_host_is_a_warning(container: Container, scheme: str) -> None:
    container.location = "http://192.0.2.1/login"
    warning = await probe(container.port, "/302", scheme)
    assert warning == "Probe terminated redirects, Response body: moved"
    assert len(container.requests) == 1


async def test_a_redirect_loop_ends(container: Container, scheme: str) -> None:
    container.location = "/302"
    with pytest.raises(HandlerError, match="stopped after 10 redirects"):
        await probe(container.port, "/302", scheme)


@pytest.mark.parametrize("scheme", ["HTTP"], indirect=True)
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {"User-Agent": "kube-probe/1.36", "Accept": "*/*"}),
        ({"User_Agent": "mine", "Accept": "a/b", "X_Empty": ""}, {"User-Agent": "mine", "Accept": "a/b", "X-Empty": ""}),
        ({"User_Agent": "", "Accept": ""}, {}),
        ({"Host": "named.example"}, {"Host": "named.example", "User-Agent": "kube-probe/1.36", "Accept": "*/*"}),
    ],
)  # fmt: skip
async def test_headers_are_upstreams(
    container: Container, given: dict[str, str], sent: dict[str, str]
) -> None:
    await probe(container.port, "/", "HTTP", **given)
    host = {"Host": f"{HOST}:{container.port}"}
    assert dict(container.requests[0].headers) == host | sent


@pytest.mark.parametrize("scheme", ["HTTP"], indirect=True)
async def test_a_header_may_come_twice(container: Container) -> None:
    twice = HTTPGetAction(http_headers=[HTTPHeader(name="A", value="1"), HTTPHeader(name="a", value="2")])
    await http_request.probe(twice, HOST, container.port, 10.0)
    assert container.requests[0].headers.getall("A") == ["1", "2"]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/"), ("a", "/a"), ("/a b?c=d e", "/a%20b?c=d%20e"), ("/%41/%2F", "/%41/%2F"), ("/a#b", "/a"), ("/100%", "/100%25"),
        ("/100%?a", "/100%25%3Fa"), ("/ü", "/%C3%BC"), ("/a\r\nX: y", "/a%0D%0AX:%20y"),
    ],
)  # fmt: skip
def test_a_path_is_escaped_as_upstream_does(path: str, target: str) -> None:
    assert http_request.make_url(action(path), "::1", 80) == f"http://[::1]:80{target}"


@pytest.mark.parametrize("scheme", ["HTTP"], indirect=True)
async def test_a_header_with_a_line_break_fails_the_probe(container: Container) -> None:
    with pytest.raises(HandlerError, match="line break"):
        await probe(container.port, "/", "HTTP", A="b\r\nC: d")
    assert container.requests == []


@pytest.mark.parametrize("scheme", ["HTTP"], indirect=True)
async def test_a_hook_needs_a_response_of_any_status(container: Container) -> None:
    await http_request.call_hook(action("/500"), HOST, container.port, 10.0)
    assert container.requests[0].headers["User-Agent"] == "kube-lifecycle/1.36"


async def test_a_hook_for_https_falls_back_to_http_without_credentials() -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(3)
        if first == b"GET":
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sent = action("/", "HTTPS", Authorization="Bearer x", Kept="1")
        await http_request.call_hook(sent, HOST, port, 10.0)
        with pytest.raises(HandlerError, match="server gave HTTP response to HTTPS client"):
            await http_request.probe(sent, HOST, port, 10.0)
    (head,) = heads
    assert b"Kept: 1" in head
    assert b"Authorization" not in head


async def test_a_port_where_nobody_listens_is_named(unused_tcp_port: int) -> None:
    with pytest.raises(HandlerError) as caught:
        await probe(unused_tcp_port)
    address = f"{HOST}:{unused_tcp_port}"
    assert str(caught.value) == f'Get "http://{address}/": dial tcp {address}: connect: connection refused'


@pytest.mark.parametrize(
    ("trick", "text"),
    [*hostile_server.HEADS.values(), *hostile_server.BODIES.values()],
    ids=[*hostile_server.HEADS, *hostile_server.BODIES],
)
async def test_a_hostile_pod_fails_its_probe_with_a_clear_error(trick: Trick, text: str) -> None:
    async with hostile(trick) as server:
        with pytest.raises(HandlerError, match=text) as caught:
            await probe(server.port)
        assert str(caught.value).startswith(f'Get "http://{HOST}:{server.port}/": ')
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.sent < BOUND


@pytest.mark.parametrize("name", hostile_server.ENDLESS)
async def test_an_endless_body_is_cut_and_does_not_fail_the_probe(name: str) -> None:
    async with hostile(hostile_server.ENDLESS[name]) as server:
        assert await probe(server.port) == ""
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.sent < BOUND


@pytest.mark.parametrize(
    "trick", [hostile_server.SILENT, hostile_server.SLOW_HEAD, hostile_server.SLOW_BODY], ids=["silent", "slow head", "slow body"]
)  # fmt: skip
async def test_the_time_limit_is_over_all_of_a_probe(trick: Trick) -> None:
    async with hostile(trick) as server:
        begin = asyncio.get_running_loop().time()
        with pytest.raises(HandlerError, match="context deadline exceeded"):
            await http_request.probe(action(), HOST, server.port, 0.3)
        assert asyncio.get_running_loop().time() - begin < 5
        await asyncio.wait_for(server.gone.wait(), 5)
