"""WebSocket and SPDY by hand: handshakes that are wrong, frames that are broken, upgrades nobody offers."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Final

import pytest

from tests.apiserver.fuzz.connection import CLOSED, NEXT, Connection, asked
from tests.apiserver.fuzz.wire import encoded, refused_badly
from tests.apiserver.servers import ApiServer

#: A namespace of its own: what others play may end theirs.
_SPACE: Final = "/api/v1/namespaces/upgrades"
_PLACE: Final = f"{_SPACE}/configmaps"
_WATCH: Final = f"{_PLACE}?watch=1&timeoutSeconds=60&fieldSelector=metadata.name%3Dfuzz"
_POD: Final = f"{_SPACE}/pods/fuzz"
#: Key and accept of RFC 6455's own example.
_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
_ACCEPT: Final = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
_WEBSOCKET: Final = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": _KEY, "Origin": "http://a",
}  # fmt: skip
_SPDY: Final = {
    "Connection": "Upgrade",
    "Upgrade": "SPDY/3.1",
    "X-Stream-Protocol-Version": "v4.channel.k8s.io",
}
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10


@pytest.fixture(scope="module", autouse=True)
def _filled(server: ApiServer) -> None:
    pod = {"metadata": {"name": "fuzz"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    for place, made in (
        ("/api/v1/namespaces", {"metadata": {"name": "upgrades"}}),
        (_PLACE, {"metadata": {"name": "fuzz"}}),
        (f"{_SPACE}/pods", pod),
    ):
        answer = server.post(place, made)
        assert answer.status == 201, answer.body


def frame(
    kind: int, data: bytes = b"", *, length: int | None = None, bits: int = 0x80, masked: bool = True
) -> bytes:
    """As a client sends it; length: another than the data's; bits: FIN and the reserved ones."""
    size = len(data) if length is None else length
    mask = 0x80 if masked else 0
    if size < 126:
        head = struct.pack(">BB", bits | kind, mask | size)
    elif size < 2**16:
        head = struct.pack(">BBH", bits | kind, mask | 126, size)
    else:
        head = struct.pack(">BBQ", bits | kind, mask | 127, size)
    return head + (bytes(4) if masked else b"") + data


def received(connection: Connection) -> tuple[int, bytes]:
    """Kind and data of the server's next frame."""
    first, size = connection.read(2)
    assert size < 128, "a server masks nothing"
    if size == 126:
        (size,) = struct.unpack(">H", connection.read(2))
    elif size == 127:
        (size,) = struct.unpack(">Q", connection.read(8))
    return first & 0x0F, connection.read(size)


def test_a_watch_by_websocket(server: ApiServer) -> None:
    with asked(server, encoded("GET", _WATCH, _WEBSOCKET.items())) as connection:
        answer = connection.answer()
        assert answer.status == 101
        assert answer.headers["Upgrade"].lower() == "websocket"
        assert answer.headers["Connection"].lower() == "upgrade"
        assert answer.headers["Sec-WebSocket-Accept"] == _ACCEPT
        kind, data = received(connection)
        assert (kind, data[:15]) == (_TEXT, b'{"type":"ADDED"')
        connection.send(frame(_PING, b"there?"))
        assert received(connection) == (_PONG, b"there?")
        connection.send(frame(_CLOSE, struct.pack(">H", 1000)))
        assert received(connection)[0] == _CLOSE
        assert connection.ends()


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"Sec-WebSocket-Key": ""}, 400, "mismatch challenge/response"), ({"Sec-WebSocket-Version": "8"}, 400, "missing or bad WebSocket Version"),
        ({"Sec-WebSocket-Version": ""}, 400, "missing or bad WebSocket Version"), ({"Origin": ""}, 403, ""), ({"Origin": "null"}, 403, ""),
        ({"Origin": "http://a/%zz"}, 403, ""), ({"Sec-WebSocket-Protocol": "a, b"}, 400, ""), ({"Sec-WebSocket-Protocol": ","}, 400, ""),
    ],
    ids=str,
)  # fmt: skip
def test_a_watch_by_a_wrong_handshake_is_refused(
    server: ApiServer, change: dict[str, str], code: int, said: str
) -> None:
    headers = [(name, value) for name, value in (_WEBSOCKET | change).items() if value]
    with asked(server, encoded("GET", _WATCH, headers)) as connection:
        answer = connection.answer()
        assert (answer.status, answer.body.decode()) == (code, said)
        assert answer.headers.get("Sec-WebSocket-Version") == ("13" if said.startswith("missing") else None)
        assert connection.ends()


@pytest.mark.parametrize("protocol", ["x", "base64.binary.k8s.io", "v4.channel.k8s.io"])
def test_the_only_protocol_that_a_watcher_offers_is_spoken(server: ApiServer, protocol: str) -> None:
    headers = [*_WEBSOCKET.items(), ("Sec-WebSocket-Protocol", protocol)]
    with asked(server, encoded("GET", _WATCH, headers)) as connection:
        answer = connection.answer()
        assert (answer.status, answer.headers["Sec-WebSocket-Protocol"]) == (101, protocol)
        assert received(connection)[1][:15] == b'{"type":"ADDED"'


def test_a_watch_as_a_list_of_metadata_ends_with_its_first_event(server: ApiServer) -> None:
    accept = ("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
    with asked(server, encoded("GET", _WATCH, [*_WEBSOCKET.items(), accept])) as connection:
        assert connection.answer().status == 101
        assert received(connection)[0] == _CLOSE
        assert connection.ends()


def test_a_watch_by_websocket_ends_its_connection(server: ApiServer) -> None:
    with asked(
        server, encoded("GET", f"{_PLACE}?watch=1&timeoutSeconds=1", _WEBSOCKET.items())
    ) as connection:
        assert connection.answer().status == 101
        kind, _ = received(connection)
        while kind == _TEXT:
            kind, _ = received(connection)
        assert kind == _CLOSE
        assert connection.ends()


def test_a_token_may_be_a_subprotocol(server: ApiServer) -> None:
    offer = "base64url.bearer.authorization.k8s.io.{}, base64.binary.k8s.io"
    for text, status in (("YWRtaW4tdG9rZW4", 101), ("YWRtaW4", 401), ("!", 401)):
        request = encoded(
            "GET", _WATCH, [*_WEBSOCKET.items(), ("Sec-WebSocket-Protocol", offer.format(text))]
        )
        with asked(server, request.replace(b"Authorization: Bearer admin-token\r\n", b"")) as connection:
            answer = connection.answer()
            assert answer.status == status
            spoken = answer.headers.get("Sec-WebSocket-Protocol")
            assert spoken == ("base64.binary.k8s.io" if status == 101 else None)
            assert status == 101 or answer.json["reason"] == "Unauthorized"


def test_a_frame_that_comes_with_the_handshake_is_not_lost(server: ApiServer) -> None:
    with asked(server, encoded("GET", _WATCH, _WEBSOCKET.items()) + frame(_PING, b"early")) as connection:
        assert connection.answer().status == 101
        assert (_PONG, b"early") in [received(connection) for _ in range(2)]


def test_a_frame_in_pieces_is_a_frame(server: ApiServer) -> None:
    with asked(server, encoded("GET", _WATCH, _WEBSOCKET.items())) as connection:
        assert connection.answer().status == 101
        assert received(connection)[0] == _TEXT
        for byte in frame(_PING, b"x" * 100):
            connection.send(bytes([byte]))
        assert received(connection) == (_PONG, b"x" * 100)


@pytest.mark.parametrize("count", [1, 500])
def test_what_a_watcher_says_is_passed_over(server: ApiServer, count: int) -> None:
    with asked(server, encoded("GET", _WATCH, _WEBSOCKET.items())) as connection:
        assert connection.answer().status == 101
        assert received(connection)[0] == _TEXT
        connection.send(
            (frame(_TEXT, b"a" * 60_000) + frame(_BINARY, b"\xff")) * count + frame(_PING, b"still")
        )
        assert received(connection) == (_PONG, b"still")


@pytest.mark.parametrize(
    "data",
    [
        frame(_PING, b"x" * 200), frame(_BINARY, b"x", length=2**62), frame(_TEXT, b"x", bits=0xF0), frame(15, b"x"), frame(3, b"x"),
        frame(_CLOSE, b"x"), frame(_CLOSE, b"\x00\x00"), frame(_CLOSE, b"\x03\xe8\xff\xff"), frame(_PING, bits=0), frame(0, b"x"),
        b"\xff" * 4_000, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", frame(_TEXT, b"\xff\xfe"), frame(_TEXT, bits=0) + frame(_TEXT, b"y"),
        frame(_BINARY, b"x" * 1000, length=2**31), frame(_TEXT, b"", masked=False), frame(_CLOSE, b"x" * 126),
    ],
)  # fmt: skip
def test_broken_frames_cost_one_connection_at_most(server: ApiServer, data: bytes) -> None:
    with asked(server, encoded("GET", _WATCH, _WEBSOCKET.items())) as connection:
        assert connection.answer().status == 101
        assert received(connection)[0] == _TEXT
        # The connection may end at once, or take the bytes for the beginning of something longer.
        with suppress(*CLOSED):
            connection.send(data)
    with asked(server, encoded("GET", _PLACE)) as other:
        assert other.answer().status == 200


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/version", {"Connection": "Upgrade", "Upgrade": "x"}),
        ("/version", {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA"}),
        (_PLACE, _WEBSOCKET), (_PLACE, _SPDY), ("/version", {"Connection": "Upgrade"}), ("/version", {"Upgrade": "websocket"}),
        (f"{_POD}/log?limitBytes=x", _WEBSOCKET), ("/nothing", _WEBSOCKET), ("/version", {"Connection": "Upgrade", "Upgrade": "TLS/1.0"}),
    ],
)  # fmt: skip
def test_an_upgrade_that_is_not_offered_is_an_ordinary_request(
    server: ApiServer, path: str, headers: dict[str, str]
) -> None:
    """Its connection stays, for what came with it and for what comes after."""
    request = encoded("GET", path, headers.items())
    with asked(server, NEXT + request + request + NEXT) as connection:
        assert connection.answer().status == 200
        for _ in range(2):
            answer = connection.answer()
            assert answer.status in {200, 400, 404}
            assert not refused_badly(answer, "GET")
            assert "Upgrade" not in answer.headers
            assert "Connection" not in answer.headers
        assert connection.answer().status == 200
        assert connection.is_kept()


@pytest.mark.parametrize("framing", [("Content-Length", "25"), ("Transfer-Encoding", "chunked")])
def test_a_body_beside_an_upgrade_is_a_body(server: ApiServer, framing: tuple[str, str]) -> None:
    data = b'{"metadata":{"name":"a"}}'
    body = data if framing[0] == "Content-Length" else b"19\r\n" + data + b"\r\n0\r\n\r\n"
    headers = [("Content-Type", "application/json"), ("Connection", "Upgrade"), ("Upgrade", "x"), framing]
    request = encoded("POST", f"{_PLACE}?dryRun=All", headers, body)
    with asked(server, request + request + NEXT) as connection:
        assert [connection.answer("POST").status for _ in range(2)] == [201, 201]
        assert connection.answer().status == 200
        assert connection.is_kept()


@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize("sub", ["exec", "attach", "portforward"])
@pytest.mark.parametrize(
    "headers",
    [
        {}, _WEBSOCKET, _SPDY, {**_WEBSOCKET, "Sec-WebSocket-Protocol": "v5.channel.k8s.io"}, {**_WEBSOCKET, "Sec-WebSocket-Protocol": ",,\xff"},
        {**_WEBSOCKET, "Sec-WebSocket-Key": ""}, {**_SPDY, "X-Stream-Protocol-Version": "x" * 9_000}, {**_SPDY, "Upgrade": "SPDY/9"},
        {**_WEBSOCKET, "Sec-WebSocket-Version": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_streams_of_a_pod_that_runs_nowhere_are_refused_with_a_status(
    server: ApiServer, verb: str, sub: str, headers: dict[str, str]
) -> None:
    given = [(name, value.encode("latin-1")) for name, value in headers.items()]
    path = f"{_POD}/{sub}?command=a&stdout=1&ports=80"
    with asked(server, encoded(verb, path, given, b"" if verb == "POST" else None)) as connection:
        answer = connection.answer(verb)
        assert answer.status == 400
        assert answer.json["message"] == "pod fuzz does not have a host assigned"
    with asked(server, encoded(verb, f"{_POD}x/{sub}?command=a", given)) as connection:
        assert connection.answer(verb).json["reason"] == "NotFound"
