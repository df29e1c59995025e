"""The client's connections: TLS, credentials that change, what is sent, what breaks."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.client import ApiError, RestClient, TransportError, transport
from kprov.kube.client.api_connection import Params
from kprov.kube.client.kubeconfig import ClientConfig
from tests.apiserver.servers import Authority

_SECONDS = 10.0
_EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
_WATCH = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serve(script: Script, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that follows the script on each connection."""
    tasks: set[asyncio.Task[Any]] = set()

    async def follow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await script(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(follow, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    if tasks:
        await asyncio.wait(tasks, timeout=_SECONDS)
    await server.wait_closed()


def answer_with(*responses: bytes, heads: list[bytes] | None = None) -> Script:
    """Answers requests without bodies, then closes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for response in responses:
            head = await reader.readuntil(b"\r\n\r\n")
            if heads is not None:
                heads.append(head)
            writer.write(response)

    return script


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


@pytest.fixture
def context(authority: Authority) -> ssl.SSLContext:
    """A server's, which wants a client's certificate."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.load_cert_chain(*authority.issue("server", "server", serves=True))
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def configure(port: int, authority: Authority, **more: Any) -> ClientConfig:
    certificate, key = authority.issue("client", "client")
    files = {"cert_file": str(certificate), "key_file": str(key), "ca_file": str(authority.file)}
    return ClientConfig(server=f"https://127.0.0.1:{port}", **{**files, **more})


def connect(port: int) -> RestClient:
    return RestClient(ClientConfig(server=f"http://127.0.0.1:{port}"))


async def test_a_certificate_of_the_client_is_shown(authority: Authority, context: ssl.SSLContext) -> None:
    names: list[str] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate = writer.get_extra_info("peercert")
        names.extend(value for part in certificate["subject"] for key, value in part if key == "commonName")
        await answer_with(_EMPTY)(reader, writer)

    async with serve(script, context) as port, RestClient(configure(port, authority)) as client:
        assert await client.request("GET", "/api") == b"{}"
    assert names == ["client"]


async def test_certificates_and_keys_may_stand_in_the_kubeconfig(
    authority: Authority, context: ssl.SSLContext
) -> None:
    certificate, key = authority.issue("client", "client")
    async with serve(answer_with(_EMPTY), context) as port:
        config = ClientConfig(
            server=f"https://127.0.0.1:{port}",
            ca_data=authority.file.read_bytes(),
            cert_data=certificate.read_bytes(),
            key_data=key.read_bytes(),
        )
        async with RestClient(config) as client:
            assert await client.request("GET", "/api") == b"{}"


async def test_a_server_of_another_authority_is_refused(
    authority: Authority, context: ssl.SSLContext, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    async with serve(answer_with(_EMPTY), context) as port:
        config = configure(port, authority, ca_file=str(other.file))
        async with RestClient(config) as client:
            with pytest.raises(TransportError, match="certificate verify failed"):
                await client.request("GET", "/api")
            with pytest.raises(TransportError, match="certificate verify failed"):
                async with client.stream("/api"):
                    pass
        async with RestClient(configure(port, authority, ca_file=str(other.file), insecure=True)) as client:
            assert await client.request("GET", "/api") == b"{}"


async def test_the_name_in_the_kubeconfig_counts_for_the_certificate(
    authority: Authority, context: ssl.SSLContext
) -> None:
    async with serve(answer_with(_EMPTY), context) as port:
        config = configure(port, authority, tls_server_name="other.example.com")
        async with RestClient(config) as client:
            with pytest.raises(TransportError, match="Hostname mismatch"):
                await client.request("GET", "/api")


async def test_a_server_without_tls_is_a_transport_error(authority: Authority) -> None:
    async with serve(answer_with(_EMPTY)) as port, RestClient(configure(port, authority)) as client:
        with pytest.raises(TransportError, match=rf"GET https://127\.0\.0\.1:{port}/api: "):
            await client.request("GET", "/api")


@pytest.mark.parametrize("server", ["127.0.0.1:6443", "ftp://127.0.0.1", "https://"])
async def test_an_unusable_url_is_named(server: str) -> None:
    async with RestClient(ClientConfig(server=server)) as client:
        with pytest.raises(TransportError, match="URL does not begin with"):
            await client.request("GET", "/api")


async def test_changed_credentials_count_for_new_requests_and_running_streams_go_on(
    authority: Authority, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_RELOAD_SECONDS", -1.0)
    serials: list[str] = []
    go_on, closed = asyncio.Event(), asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serials.append(writer.get_extra_info("peercert")["serialNumber"])
        while b"watch" not in await reader.readuntil(b"\r\n\r\n"):
            writer.write(_EMPTY)
        writer.write(_WATCH)
        await go_on.wait()
        writer.write(b"3\r\ndef\r\n0\r\n\r\n")
        await reader.read(-1)
        closed.set()

    async with serve(script, context) as port:
        config = configure(port, authority)
        async with RestClient(config) as client:
            async with client.stream("/watch") as pieces:
                assert await anext(pieces) == b"abc"
                # Another certificate in the same files.
                authority.issue("client", "client")
                for name in config.watched_files:
                    os.utime(name, (1, 1))
                await client.request("GET", "/api")
                await client.request("GET", "/api")
                go_on.set()
                assert [piece async for piece in pieces] == [b"def"]
            # A connection with former credentials closes with its last request.
            await asyncio.wait_for(closed.wait(), _SECONDS)
    assert len(serials) == len(set(serials)) == 2


async def test_a_token_file_counts_from_the_first_request_on(tmp_path: Path) -> None:
    heads: list[bytes] = []
    token = tmp_path / "token"
    token.write_text("secret\n")
    async with serve(answer_with(_EMPTY, heads=heads)) as port:
        config = ClientConfig(server=f"http://127.0.0.1:{port}", token_file=str(token))
        async with RestClient(config) as client:
            await client.request("GET", "/api")
    assert b"\r\nAuthorization: Bearer secret\r\n" in heads[0]


async def test_a_request_has_the_prefix_of_the_server_and_its_parameters() -> None:
    heads: list[bytes] = []
    async with serve(answer_with(_EMPTY, heads=heads)) as port:
        config = ClientConfig(server=f"http://127.0.0.1:{port}/cluster")
        async with RestClient(config, user_agent="tester") as client:
            params: Params = {"labelSelector": "a in (b, ü)", "watch": True}
            await client.request(
                "GET", "/api/v1/nodes/system:a%2Fb c", params=params, headers={"Accept": "text/plain"}
            )
    assert heads[0].decode().split("\r\n")[:4] == [
        "GET /cluster/api/v1/nodes/system:a%2Fb%20c?labelSelector=a+in+%28b%2C+%C3%BC%29&watch=true HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "User-Agent: tester",
        "Accept: text/plain",
    ]


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "unexpected EOF"),
        (_WATCH, "unexpected EOF"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\n{}", "unexpected EOF"),
        (b"no HTTP", "malformed HTTP response"),
        (_WATCH + b"oops\r\n", "invalid byte in chunk length"),
    ],
)
async def test_a_broken_response_is_a_transport_error(response: bytes, text: str) -> None:
    async with serve(answer_with(response)) as port, connect(port) as client:
        with pytest.raises(TransportError, match=rf"GET http://127\.0\.0\.1:{port}/api: .*{text}"):
            await client.request("GET", "/api")
        with pytest.raises(TransportError, match=rf"GET http://127\.0\.0\.1:{port}/api: .*{text}"):
            await read_stream(client)


async def read_stream(client: RestClient, **more: Any) -> bytes:
    async with client.stream("/api", **more) as pieces:
        return b"".join([piece async for piece in pieces])


async def test_a_refused_stream_raises_the_servers_error() -> None:
    refusal = b'HTTP/1.1 403 No\r\nContent-Length: 36\r\n\r\n{"kind":"Status","reason":"Because"}'
    async with serve(answer_with(refusal)) as port, connect(port) as client:
        with pytest.raises(ApiError) as caught:
            await read_stream(client)
    assert (caught.value.code, caught.value.reason) == (403, "Because")


async def wait_for_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers a watch with one piece, and nothing else with anything."""
    if b"silent" not in await reader.readuntil(b"\r\n\r\n"):
        writer.write(_WATCH)
    await reader.read(-1)


async def test_a_request_without_a_response_times_out_and_closes_its_connection() -> None:
    async with serve(wait_for_end) as port, connect(port) as client:
        with pytest.raises(TransportError, match="/silent: timed out"):
            await client.request("GET", "/silent", timeout=0.05)
        with pytest.raises(TransportError, match="/silent: timed out"):
            async with client.stream("/silent", first_byte_timeout=0.05):
                pass
        with pytest.raises(TransportError, match="no data for"):
            await read_stream(client, idle_timeout=0.05)


async def test_a_change_without_a_body_is_not_written_if_the_lease_expires_while_the_client_connects() -> (
    None
):
    heads: list[bytes] = []
    left = iter([10.0, 0.0])
    async with serve(answer_with(_EMPTY, _EMPTY, heads=heads)) as port, connect(port) as client:
        guarded = client.guard_changes(lambda: next(left))
        with pytest.raises(TransportError, match="DELETE /api/v1/nodes/n: not sent"):
            await guarded.request("DELETE", "/api/v1/nodes/n")
        await client.request("GET", "/api")
    assert [head.split(b" ")[0] for head in heads] == [b"GET"]


async def test_a_change_on_its_way_may_be_answered_after_the_lease_would_have_expired() -> None:
    """The lease is renewed meanwhile. A change that is given up would be repeated, but the server executes it."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        # The server is slow: longer than the lease lasts at the beginning.
        await asyncio.sleep(0.1)
        writer.write(_EMPTY)

    async with serve(script) as port, connect(port) as client:
        guarded = client.guard_changes(lambda: 0.02)
        assert await guarded.request("DELETE", "/api/v1/nodes/n") == b"{}"
