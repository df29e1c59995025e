"""Documents of limited size, from servers that redirect and from hostile ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from multidict import CIMultiDict

from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import Response
from kprov.kube.component_base.http_get import Document, GetError, get_document, open_unverified
from tests.unit.kube import hostile_server
from tests.unit.kube.hostile_server import BOUND, Trick, hostile

LIMIT = 10 * 1024


async def fetch(url: str, *, seconds: float = 10.0, leaves_host: bool = True, **headers: str) -> Document:
    return await get_document(
        url,
        CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}),
        open_unverified,
        seconds=seconds,
        max_bytes=LIMIT,
        leaves_host=leaves_host,
    )


class Site:
    """Redirects by path, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.redirects: dict[str, tuple[int, str]] = {}
        self.listener = Listener(self.handle)

    async def handle(self, request: Request) -> Response:
        self.requests.append(request)
        if request.path in self.redirects:
            code, location = self.redirects[request.path]
            return Response(b"moved", status=code, headers={"Location": location} if location else {})
        return Response(b"here")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    await made.listener.start("127.0.0.1", 0)
    yield made
    await made.listener.close()


def url_of(site: Site, path: str = "/", host: str = "127.0.0.1") -> str:
    return f"http://{host}:{site.listener.port}{path}"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(site: Site, code: int) -> None:
    site.redirects["/a"] = (code, "b?c=%20d")
    document = await fetch(url_of(site, "/a"))
    assert (document.status, document.body, document.is_cut) == (200, b"here", False)
    assert [request.target for request in site.requests] == ["/a", "/b?c=%20d"]


@pytest.mark.parametrize(("code", "location"), [(302, ""), (304, "/b"), (300, "/b")])
async def test_a_response_that_leads_nowhere_is_the_result(site: Site, code: int, location: str) -> None:
    site.redirects["/a"] = (code, location)
    assert (await fetch(url_of(site, "/a"))).status == code
    assert len(site.requests) == 1


async def test_more_than_ten_requests_are_a_loop(site: Site) -> None:
    site.redirects["/a"] = (302, "/a")
    with pytest.raises(GetError, match="stopped after 10 redirects"):
        await fetch(url_of(site, "/a"))
    assert len(site.requests) == 10


async def test_a_redirect_to_another_host_is_the_result_for_who_stays(site: Site) -> None:
    site.redirects["/a"] = (302, url_of(site, "/b", "localhost"))
    document = await fetch(url_of(site, "/a"), leaves_host=False)
    assert (document.status, document.body) == (302, b"moved")
    assert len(site.requests) == 1


async def test_another_port_and_scheme_are_the_same_host(site: Site) -> None:
    site.redirects["/a"] = (302, "https://127.0.0.1:1/b")
    with pytest.raises(GetError, match=r"dial tcp 127\.0\.0\.1:1: connect: connection refused") as caught:
        await fetch(url_of(site, "/a"), leaves_host=False)
    assert caught.value.url == "https://127.0.0.1:1/b"


async def test_another_host_gets_no_credentials(site: Site) -> None:
    site.redirects["/a"] = (302, url_of(site, "/b", "localhost"))
    await fetch(url_of(site, "/a"), Authorization="Bearer x", Cookie="a=b", X_Mine="1", Host="named")
    first, second = site.requests
    assert (first.host, first.headers["Authorization"]) == ("named", "Bearer x")
    assert second.host == f"localhost:{site.listener.port}"
    assert not {"Authorization", "Cookie"} & set(second.headers)
    assert second.headers["X-Mine"] == "1"


async def test_the_same_host_gets_host_and_credentials_again(site: Site) -> None:
    site.redirects["/a"] = (302, "/b")
    await fetch(url_of(site, "/a"), Authorization="Bearer x", Host="named")
    assert [request.headers.getall("Host") for request in site.requests] == [["named"], ["named"]]
    assert site.requests[1].headers["Authorization"] == "Bearer x"


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("ftp://127.0.0.1/a", 'unsupported protocol scheme "ftp"'),
        ("http://[::1/a", "failed to parse Location header"),
        ("http://127.0.0.1:x/", "invalid URL"),
        ("http://:80/a", "no Host"),
    ],
)
async def test_a_redirect_to_no_url_is_an_error(site: Site, location: str, text: str) -> None:
    site.redirects["/a"] = (302, location)
    with pytest.raises(GetError, match=text):
        await fetch(url_of(site, "/a"))


@pytest.mark.parametrize("name", hostile_server.HEADS)
async def test_a_hostile_head_is_a_clear_error(name: str) -> None:
    trick, text = hostile_server.HEADS[name]
    async with hostile(trick) as server:
        with pytest.raises(GetError, match=text):
            await fetch(f"http://127.0.0.1:{server.port}/")
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.sent < BOUND


@pytest.mark.parametrize("name", hostile_server.BODIES)
async def test_a_hostile_body_is_a_clear_error(name: str) -> None:
    trick, text = hostile_server.BODIES[name]
    async with hostile(trick) as server:
        # The limit is not what ends it.
        with pytest.raises(GetError, match=text):
            await fetch(f"http://127.0.0.1:{server.port}/")
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.sent < BOUND


@pytest.mark.parametrize("name", hostile_server.ENDLESS)
async def test_an_endless_body_is_cut(name: str) -> None:
    async with hostile(hostile_server.ENDLESS[name]) as server:
        document = await fetch(f"http://127.0.0.1:{server.port}/")
        assert (len(document.body), document.is_cut) == (LIMIT, True)
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.sent < BOUND


async def test_what_follows_a_body_is_not_read() -> None:
    async with hostile(hostile_server.TOO_LONG) as server:
        document = await fetch(f"http://127.0.0.1:{server.port}/")
        assert (document.body, document.is_cut) == (b"abc", False)
        await asyncio.wait_for(server.gone.wait(), 5)


@pytest.mark.parametrize(
    ("trick", "text"),
    [
        (hostile_server.SILENT, "exceeded while awaiting headers"),
        (hostile_server.SLOW_HEAD, "exceeded while awaiting headers"),
        (hostile_server.SLOW_BODY, "while reading body"),
    ],
)
async def test_slow_bytes_do_not_extend_the_time(trick: Trick, text: str) -> None:
    async with hostile(trick) as server:
        begin = asyncio.get_running_loop().time()
        with pytest.raises(GetError, match=text):
            await fetch(f"http://127.0.0.1:{server.port}/", seconds=0.3)
        assert asyncio.get_running_loop().time() - begin < 5
        await asyncio.wait_for(server.gone.wait(), 5)


async def test_plain_text_for_a_handshake_is_named() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        with pytest.raises(GetError, match="server gave HTTP response to HTTPS client"):
            await fetch(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
