"""What stays and what ends when requests on one connection are many, slow, or broken off."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from random import Random
from typing import Final

import pytest

from tests.apiserver.fuzz.connection import CLOSED, NEXT, Connection, asked
from tests.apiserver.fuzz.seeds import SEED
from tests.apiserver.fuzz.wire import encoded
from tests.apiserver.servers import ApiServer

_PLACE: Final = "/api/v1/namespaces/fuzz/configmaps"
_POST: Final = f"{_PLACE}?dryRun=All"
_JSON: Final = ("Content-Type", "application/json")
_CHUNKED: Final = (_JSON, ("Transfer-Encoding", "chunked"))
_BODY: Final = b'{"metadata":{"name":"a"}}'
_MANY: Final = 2_000


@pytest.fixture(scope="module", autouse=True)
def _filled(server: ApiServer) -> None:
    server.post("/api/v1/namespaces", {"metadata": {"name": "fuzz"}})
    server.post(_PLACE, {"metadata": {"name": "fuzz"}})


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def test_thousands_of_requests_at_once_are_answered_in_their_order(server: ApiServer) -> None:
    paths = (f"{_PLACE}/none-{{}}", f"{_PLACE}/fuzz?n={{}}", "/nothing/{}")
    wanted = (404, 200, 404)
    with Connection(server) as connection:
        requests = [encoded("GET", paths[n % 3].format(n)) for n in range(_MANY)]
        # Some hundred at a time: who writes all before reading may wait for a server that waits for him.
        for start in range(0, _MANY, 200):
            connection.send(b"".join(requests[start : start + 200]))
            for number in range(start, start + 200):
                answer = connection.answer()
                assert answer.status == wanted[number % 3]
                if number % 3 == 0:
                    assert answer.json["details"]["name"] == f"none-{number}"
        assert connection.is_kept()


def test_writes_at_once_are_made_in_their_order(server: ApiServer) -> None:
    name = f"{_PLACE}/ordered"
    create = encoded("POST", _PLACE, [_JSON], b'{"metadata":{"name":"ordered"}}')
    patch = [("Content-Type", "application/merge-patch+json")]
    patches = [encoded("PATCH", name, patch, b'{"data":{"n":"%d"}}' % n) for n in range(30)]
    with asked(
        server, create + b"".join(patches) + encoded("GET", name) + encoded("DELETE", name)
    ) as connection:
        assert connection.answer("POST").status == 201
        assert [connection.answer("PATCH").json["data"]["n"] for _ in patches] == [str(n) for n in range(30)]
        assert connection.answer().json["data"] == {"n": "29"}
        assert connection.answer("DELETE").status == 200


def test_what_came_before_a_broken_request_is_answered_and_nothing_after(server: ApiServer) -> None:
    """What comes after it may have been meant as part of it."""
    with asked(server, NEXT * 3 + b"\x00\x01\x02\r\n\r\n" + NEXT) as connection:
        assert [connection.answer().status for _ in range(4)] == [200, 200, 200, 400]
        assert connection.ends()


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_request_in_small_pieces_is_a_request(server: ApiServer, size: int) -> None:
    whole = encoded("POST", _POST, [_JSON], _BODY) + encoded(
        "POST", _POST, _CHUNKED, chunked(_BODY[:9], _BODY[9:])
    )
    with asked(server, *(whole[at : at + size] for at in range(0, len(whole), size))) as connection:
        assert [connection.answer("POST").status for _ in range(2)] == [201, 201]
        assert connection.is_kept()


def test_any_requests_in_any_pieces_are_answered_each_in_its_turn(server: ApiServer) -> None:
    chance = Random(SEED)
    kinds = (
        ("GET", 200, NEXT), ("GET", 404, encoded("GET", "/nothing", [("X", "y" * 3_000)])), ("HEAD", 200, encoded("HEAD", "/livez")),
        ("POST", 201, encoded("POST", _POST, [_JSON], _BODY)), ("POST", 201, encoded("POST", _POST, _CHUNKED, chunked(_BODY[:3], _BODY[3:]))),
        ("POST", 400, encoded("POST", _POST, [_JSON], b"{" * 20_000)), ("GET", 200, encoded("GET", f"{_PLACE}?limit=1")),
        ("POST", 401, encoded("POST", _POST, [("Authorization", "Bearer x"), _JSON], b"")),
    )  # fmt: skip
    for _ in range(20):
        chosen = chance.choices(kinds, k=chance.randint(1, 12))
        data = b"".join(request for _, _, request in chosen)
        cuts = sorted(chance.sample(range(len(data)), min(len(data), chance.choice([0, 1, 5, 60]))))
        with asked(server, *(data[a:b] for a, b in pairwise([0, *cuts, len(data)]))) as connection:
            assert [connection.answer(method).status for method, _, _ in chosen] == [
                code for _, code, _ in chosen
            ]
            assert connection.is_kept()


@pytest.mark.parametrize(
    "body",
    [
        chunked(_BODY),
        chunked(*(_BODY[n : n + 1] for n in range(len(_BODY)))),
        chunked(_BODY, end=b"0\r\nX-A: b\r\nX-B: c\r\n\r\n"),
        b"19;a=b;c\r\n" + _BODY + b"\r\n0;x\r\n\r\n",
        b"0019\r\n" + _BODY + b"\r\n000\r\n\r\n",
    ],
    ids=["one", "bytes", "trailers", "extensions", "zeros"],
)
def test_chunks_that_are_as_they_should_be(server: ApiServer, body: bytes) -> None:
    with asked(server, encoded("POST", _POST, _CHUNKED, body) + NEXT) as connection:
        assert connection.answer("POST").status == 201
        assert connection.answer().status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n", b"2\r\n{}x0\r\n\r\n",
        b"2\n{}\n0\n\n", b"2;a\n{}\r\n0\r\n\r\n", b"2 \r\n{}\r\n0\r\n\r\n", chunked(b"{}", end=b"0\r\nX: y\r\n z\r\n\r\n"),
        b"\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n", b"2 2\r\n{}\r\n0\r\n\r\n", chunked(b"{}", end=b"0\r\n\x00: \x01\r\n\r\n"),
    ],
    ids=["letter", "negative", "huge", "long", "feeds", "feed", "space", "fold", "empty", "prefix", "two", "trailer"],
)  # fmt: skip
def test_broken_chunks_end_the_connection(server: ApiServer, body: bytes) -> None:
    with Connection(server) as connection:
        with suppress(*CLOSED):
            connection.send(encoded("POST", _POST, _CHUNKED, body) + NEXT)
            assert connection.answer("POST").status in {400, 413, 431}
        assert not connection.is_kept()


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Length", "-1")], [("Content-Length", "x")], [("Content-Length", "25, 26")], [("Content-Length", "0x19")],
        [("Content-Length", "")], [("Content-Length", "9" * 30)], [("Content-Length", "25"), ("Content-Length", "24")],
        [("Transfer-Encoding", "chunked"), ("Content-Length", "25")], [("Content-Length", "25")] * 2, [("Transfer-Encoding", "chunked, gzip")],
        [("Transfer-Encoding", "chunked, chunked")], [("Transfer-Encoding", "chunked")] * 2,
    ],
    ids=str,
)  # fmt: skip
def test_a_body_of_no_clear_length_ends_the_connection(
    server: ApiServer, headers: list[tuple[str, str]]
) -> None:
    """Whoever stands before the server could take the rest for another request."""
    with asked(server, encoded("POST", _POST, [_JSON, *headers], _BODY) + NEXT) as connection:
        assert connection.answer("POST").status == 400
        assert connection.ends()


@pytest.mark.parametrize(
    "codings",
    [["gzip, chunked"], ["identity"], ["gzip"], ["xchunked"], [""]],
    ids=str,
)  # fmt: skip
def test_an_unknown_transfer_coding_is_rejected(server: ApiServer, codings: list[str]) -> None:
    headers = [_JSON, *(("Transfer-Encoding", coding) for coding in codings)]
    with asked(server, encoded("POST", _POST, headers, chunked(_BODY)) + NEXT) as connection:
        answer = connection.answer("POST")
        assert (answer.status, answer.body) == (501, b"Unsupported transfer encoding")
        assert connection.ends()


@pytest.mark.parametrize("method", ["FOO", "get", "POSTX", "PURGE", "G", "X!#"])
def test_a_method_that_nobody_knows_is_answered_by_the_path(server: ApiServer, method: str) -> None:
    for path, code, reason in (
        ("/version", 405, "MethodNotAllowed"), (_PLACE, 405, "MethodNotAllowed"), (f"{_PLACE}/fuzz", 405, "MethodNotAllowed"),
        ("/openid/v1/jwks", 405, "MethodNotAllowed"), ("/api/v1/pods/x/y/z", 404, "NotFound"),
    ):  # fmt: skip
        with asked(server, encoded(method, path, (), b"hello") + NEXT) as connection:
            answer = connection.answer(method)
            assert (answer.status, answer.json["reason"]) == (code, reason)
            assert connection.answer().status == 200
    for path, code in (("/nothing", 404), ("/livez", 200)):
        with asked(server, encoded(method, path) + NEXT) as connection:
            assert connection.answer(method).status == code
            assert connection.answer().status == 200


def test_a_method_that_nobody_knows_may_come_in_pieces_and_with_chunks(server: ApiServer) -> None:
    request = encoded("FOO", "/version", [("Transfer-Encoding", "chunked")], chunked(b"hello"))
    with asked(server, *(request[at : at + 1] for at in range(len(request)))) as connection:
        assert connection.answer("FOO").status == 405
        connection.send(request)
        assert connection.answer("FOO").status == 405
        assert connection.is_kept()


@pytest.mark.parametrize(
    ("path", "code", "is_page"),
    [
        ("//api/v1/pods", 404, True), ("/api/v1//pods", 404, False), ("/api//v1/pods", 404, False), ("/api/v1/namespaces//pods", 200, False),
        (f"{_PLACE}//fuzz", 404, False), ("/api/v1/namespaces/fuzz//configmaps", 404, False), ("/api/v1/pods//", 200, False), ("//", 404, True),
        ("///", 404, True), ("/version//", 200, False), ("//version", 404, True), ("/api//", 200, False), ("/livez/", 404, True),
        ("/livez//ping", 404, True), ("/livez/ping/", 404, True), ("/readyz/none", 404, True), ("/openapi/v2/", 404, True),
        ("/api/v1%2Fpods", 200, False), ("/api/v1/namespaces/a%2fb/pods", 404, False), (f"{_PLACE}/a%2Fb", 404, False),
        ("/apis/foo/v1/x", 404, True), ("/apis/foo/v1", 404, True), ("/apis/foo", 404, True), ("/apis/apps/v2", 404, False),
        ("/apis/apps/v2/deployments", 404, False), ("/api/v2", 404, False), ("/api/v2/pods", 404, False), ("/api/v1x", 404, False), ("/x", 404, True),
        ("/api/v1/watch", 404, False), ("/index.html", 200, False), ("/openid/v1/jwks/", 200, False),
    ],
)  # fmt: skip
def test_paths_that_are_nearly_others(server: ApiServer, path: str, code: int, is_page: bool) -> None:
    with asked(server, encoded("GET", path)) as connection:
        answer = connection.answer()
        assert answer.status == code
        if code == 404:
            assert (answer.body == b"404 page not found\n") == is_page
            assert is_page or answer.json["reason"] == "NotFound"


_AS_LIST: Final = ("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")


def test_a_watch_as_a_list_of_metadata_ends_with_its_first_event(server: ApiServer) -> None:
    """No event is a list; upstream cannot write it and lets go, without a word."""
    watch = f"{_PLACE}?watch=1&timeoutSeconds=60&fieldSelector=metadata.name%3D"
    for query in ("fuzz", "fuzz&resourceVersion=0"):
        with asked(server, encoded("GET", watch + query, [_AS_LIST]) + NEXT) as connection:
            answer = connection.answer()
            assert (answer.status, answer.body) == (200, b"")
            assert connection.answer().status == 200
    with asked(server, encoded("GET", f"{watch}listed", [_AS_LIST])) as connection:
        server.post(_PLACE, {"metadata": {"name": "listed"}})
        assert connection.answer().body == b""


def test_a_list_of_no_metadata_has_no_items(server: ApiServer) -> None:
    with asked(server, encoded("GET", f"{_PLACE}?labelSelector=none", [_AS_LIST])) as connection:
        assert connection.answer().json["items"] is None


@pytest.mark.parametrize(
    ("path", "accept", "said"),
    [
        (_PLACE, "application/json;as=Foo", "only the following media types are accepted: application/json, application/yaml"),
        (_PLACE, "text/html", "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/json;stream=watch"),
        (f"{_PLACE}?watch=1", "application/yaml", "only the following media types are accepted: application/json;stream=watch"),
        ("/apis", "application/json;as=Foo", "only the following media types are accepted: application/json, application/yaml"),
        ("/apis", "text/html", "only the following media types are accepted: application/json, application/yaml"),
    ],
)  # fmt: skip
def test_an_unacceptable_accept_header_is_rejected_with_the_offered_types(
    server: ApiServer, path: str, accept: str, said: str
) -> None:
    with asked(server, encoded("GET", path, [("Accept", accept)])) as connection:
        answer = connection.answer()
        assert answer.status == 406
        if accept == "application/yaml":
            assert said in answer.body.decode()
        else:
            assert answer.json["message"] == said
            # Nobody has said how the refusal should look: it is as a person reads it.
            assert answer.body.startswith(b'{\n  "kind": "Status"')


def test_connect_finds_nothing_and_ends_the_connection(server: ApiServer) -> None:
    for target in ("a:1", "a", "http://a/b", "*", "/nothing"):
        with asked(server, encoded("CONNECT", target) + NEXT) as connection:
            assert connection.answer().status == 404
            assert connection.ends()


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("http://a/version", 200), ("http://a", 404), ("*", 404), ("/version?a=%zz", 200),
        ("version", 400), ("?x", 400), ("/%zz", 400), ("/version%2", 400), ("http://[::1/", 400),
    ],
)  # fmt: skip
def test_what_a_target_may_be(server: ApiServer, target: str, code: int) -> None:
    with asked(server, encoded("GET", target)) as connection:
        assert connection.answer().status == code
        assert connection.is_kept() == (code != 400)


def test_a_body_that_comes_late_is_waited_for_while_others_are_served(server: ApiServer) -> None:
    head, body = encoded("POST", _POST, [_JSON, ("Content-Length", "25")]), iter(_BODY)
    with asked(server, head) as slow:
        for byte in body:
            slow.send(bytes([byte]))
            with asked(server, NEXT) as other:
                assert other.answer().status == 200
        assert slow.answer("POST").status == 201
        assert slow.is_kept()


@pytest.mark.parametrize(
    "cut",
    [
        b"", b"GET /vers", b"GET /version HTTP/1.1\r\nHost: a\r\n", encoded("POST", _POST, [_JSON, ("Content-Length", "25")], b"{"),
        encoded("POST", _POST, _CHUNKED, b"19\r\n{"), encoded("POST", _POST, _CHUNKED, b"19"), encoded("GET", f"{_PLACE}?watch=1"),
    ],
    ids=["nothing", "line", "head", "body", "chunk", "size", "watch"],
)  # fmt: skip
def test_clients_that_leave_in_the_middle(server: ApiServer, cut: bytes) -> None:
    """It is nothing that the log has to tell of."""
    told = server.log().count("Traceback")
    for _ in range(20):
        with asked(server, cut):
            pass
    assert server.get("/readyz").status == 200
    assert server.log().count("Traceback") == told


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/nothing", (), 404), (f"{_PLACE}/none/status", (), 404), ("/version", (), 405), (_POST, [("Authorization", "Bearer x")], 401),
        (_POST, [("Impersonate-Group", "a")], 400), (f"{_POST}&dryRun=x&fieldValidation=y", (), 422), (_POST, [("Content-Type", "x/y")], 415),
    ],
)  # fmt: skip
def test_a_body_that_nobody_reads_is_not_the_next_request(
    server: ApiServer, path: str, headers: list[tuple[str, str]], status: int
) -> None:
    body = encoded("GET", "/nothing") * 10
    with asked(server, encoded("POST", path, [*headers], body) + NEXT) as connection:
        found = connection.answer("POST")
        assert found.status == status, found.body
        try:
            assert connection.answer().json["gitVersion"]
        except CLOSED:  # it may end as well
            assert connection.ends()


@pytest.mark.parametrize("path", ["/nothing", "/version", f"{_POST}&timeout=x"])
def test_an_unread_body_of_chunks_is_taken_in_and_the_connection_stays(server: ApiServer, path: str) -> None:
    """A refusal waits for its end, as Go's server does: only then it is known whether the connection stays."""
    with asked(server, encoded("POST", path, _CHUNKED, chunked(b"hello", end=b""))) as connection:
        connection.send(chunked(b"x" * 60_000) + NEXT)
        assert connection.answer("POST").status in {400, 404, 405}
        assert connection.answer().status == 200
    with asked(server, encoded("POST", path, _CHUNKED, chunked(b"hello", end=b""))) as connection:
        with suppress(*CLOSED):
            for _ in range(20):
                connection.send(chunked(b"x" * 60_000, end=b""))
        answer = connection.answer("POST")
        assert answer.status in {400, 404, 405}
        assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize(
    "extra",
    [
        b"19;" + b"a" * 40_000 + b"\r\n" + _BODY + b"\r\n0\r\n\r\n", chunked(_BODY, end=b"0\r\nX: " + b"y" * 40_000 + b"\r\n\r\n"),
        chunked(_BODY, end=b"0\r\n" + b"X: y\r\n" * 9_000 + b"\r\n"), b"".join(b"1;" + b"a" * 40 + b"\r\n \r\n" for _ in range(3_000)),
    ],
    ids=["extension", "trailer", "trailers", "many"],
)  # fmt: skip
def test_what_stands_beside_the_data_of_chunks_has_a_limit(server: ApiServer, extra: bytes) -> None:
    head = encoded("POST", _POST, [*_CHUNKED, ("Expect", "100-continue")])
    with asked(server, head) as connection:
        assert connection.read(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        with suppress(*CLOSED):
            connection.send(extra)
        assert connection.answer("POST").status == 400
        assert connection.ends()


def test_chunks_of_one_byte_are_as_good_as_others(server: ApiServer) -> None:
    body = b'{"metadata":{"name":"a"},"data":{"x":"' + b"y" * 60_000 + b'"}}'
    pieces = b"".join(b"1;abcdefgh\r\n%c\r\n" % byte for byte in body)
    with asked(server, encoded("POST", _POST, _CHUNKED), pieces, b"0\r\n\r\n") as connection:
        assert connection.answer("POST").status == 201
        assert connection.is_kept()


def test_a_body_declared_too_large_is_refused_before_it_comes(server: ApiServer) -> None:
    with asked(server, encoded("POST", _POST, [_JSON, ("Content-Length", str(2**40))])) as connection:
        answer = connection.answer("POST")
        assert answer.status == 413
        assert answer.json["reason"] == "RequestEntityTooLarge"


def test_a_body_of_chunks_that_is_too_large_is_refused(server: ApiServer) -> None:
    with asked(server, encoded("POST", _POST, _CHUNKED)) as connection:
        with suppress(*CLOSED):  # refused while it is still being sent
            for _ in range(100):
                connection.send(chunked(b" " * 65_536, end=b""))
        answer = connection.answer("POST")
        assert answer.status == 413
        assert answer.json["reason"] == "RequestEntityTooLarge"


def test_who_expects_100_gets_it_before_the_body(server: ApiServer) -> None:
    head = encoded("POST", _POST, [_JSON, ("Expect", "100-continue"), ("Content-Length", "25")])
    with asked(server, head) as connection:
        assert connection.read(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.send(_BODY)
        assert connection.answer("POST").status == 201
        assert connection.is_kept()


def test_who_sends_another_type_need_not_send_it(server: ApiServer) -> None:
    told = [("Content-Type", "x/y"), ("Expect", "100-continue"), ("Content-Length", "25")]
    with asked(server, encoded("POST", _POST, told)) as connection:
        assert connection.read(12) == b"HTTP/1.1 415"


@pytest.mark.parametrize(
    ("value", "code"), [("Bearer admin-token x", 200), ("BEARER admin-token", 200), ("Bearer  admin-token", 403), ("Bearer\tadmin-token", 403)]
)  # fmt: skip
def test_a_token_stands_between_two_spaces(server: ApiServer, value: str, code: int) -> None:
    with asked(server, encoded("GET", _PLACE, [("Authorization", value)])) as connection:
        assert connection.answer().status == code


@pytest.mark.parametrize(
    ("value", "code"), [("x", 417), ("100-continuex", 417), ("X, 100-Continue", 404), ("", 404)]
)
def test_an_expectation_nobody_can_meet_is_refused(server: ApiServer, value: str, code: int) -> None:
    with asked(server, encoded("GET", "/nothing", [("Expect", value)]) + NEXT) as connection:
        answer = connection.answer()
        assert answer.status == code
        assert answer.body == (b"" if code == 417 else b"404 page not found\n")
        assert connection.ends() if code == 417 else connection.answer().status == 200


@pytest.mark.parametrize(
    ("version", "headers", "stays"),
    [
        (b"1.1", [], True), (b"1.1", [("Connection", "keep-alive")], True), (b"1.1", [("Connection", "close")], False),
        (b"1.1", [("Connection", "x, Close")], False), (b"1.0", [], False), (b"1.0", [("Connection", "keep-alive")], True),
        (b"1.0", [("Connection", "close")], False),
    ],
)  # fmt: skip
def test_the_client_says_whether_the_connection_stays(
    server: ApiServer, version: bytes, headers: list[tuple[str, str]], stays: bool
) -> None:
    request = encoded("GET", "/version", headers).replace(b"HTTP/1.1", b"HTTP/" + version)
    with asked(server, request) as connection:
        answer = connection.answer()
        assert answer.status == 200
        assert (answer.headers.get("Connection", "").lower() == "close") == (not stays and version == b"1.1")
        assert connection.is_kept() if stays else connection.ends()


@pytest.mark.parametrize(
    "last",
    [encoded("GET", "/version", [("Connection", "close")]), NEXT.replace(b"HTTP/1.1", b"HTTP/1.0")],
    ids=["close", "1.0"],
)
def test_after_the_last_request_nothing_is_answered(server: ApiServer, last: bytes) -> None:
    with asked(server, last + NEXT) as connection:
        assert connection.answer().status == 200
        assert connection.ends()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /version\r\n\r\n", b"GET /version HTTP/1.1\nHost: a\n\n", b"GET /version HTTP/1.1\r\nHost: a\n\r\n",
        b"GET /version HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", b"GET /version HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n",
        b"GET /version HTTP/1.1\r\n\r\n", b"GET /version HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET /version HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET /version HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", b"GET /version HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", b"GET\r\n\r\n",
        b"GET /version HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", b"GET /ver sion HTTP/1.1\r\nHost: a\r\n\r\n",
        b"G\x00T /version HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)  # fmt: skip
def test_a_head_that_is_no_http_ends_the_connection(server: ApiServer, head: bytes) -> None:
    with asked(server, head) as connection:
        with suppress(*CLOSED):
            assert 400 <= connection.answer().status < 506
        assert connection.ends()


@pytest.mark.parametrize(
    "headers",
    [
        b"".join(b"X-%d: y\r\n" % n for n in range(200_000)), b"X: " + b"y" * 4_000_000 + b"\r\n", b"y" * 4_000_000,
        b"".join(b"Cookie: %b\r\n" % (b"y" * 8_000) for _ in range(500)),
    ],
    ids=["many", "long", "endless-name", "cookies"],
)  # fmt: skip
def test_a_head_of_megabytes_is_not_kept_in_memory(server: ApiServer, headers: bytes) -> None:
    with Connection(server) as connection:
        with suppress(*CLOSED):
            connection.send(b"GET /version HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n")
            assert connection.answer().status in {400, 431}
        assert not connection.is_kept()


def test_hundreds_of_headers_are_a_request(server: ApiServer) -> None:
    with asked(server, encoded("GET", "/version", [("X-A", "y")] * 400)) as connection:
        assert connection.answer().status == 200


def test_an_invalid_request_head_is_answered_in_the_clients_http_version(server: ApiServer) -> None:
    with asked(server, encoded("GET", "/version", [("Host", "a"), ("Host", "b")])) as connection:
        assert connection.read(12) == b"HTTP/1.1 400"
