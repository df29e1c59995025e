"""Bytes that are no HTTP, or only begin as such: whatever comes of them, the server goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

from tests.apiserver.fuzz.test_requests import play
from tests.apiserver.fuzz.wire import Judge, encoded

_POST: Final = "/api/v1/namespaces/fuzz/configmaps?dryRun=All"
_LENGTHS: Final = ("-1", "x", "1e3", "0x10", "9" * 30, "+2", "2, 2", "2,3", " ", "\x00", "1 1", "٣")
_CHUNKS: Final = (
    b"x\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n", b"2\r\n{}x0\r\n\r\n", b"\r\n\r\n",
    b"2;a=" + b"b" * 70_000 + b"\r\n{}\r\n0\r\n\r\n", b"0\r\n\x00: \x01\r\n\r\n", b"2 \r\n{}\r\n0\r\n\r\n", b"2\n{}\n0\n\n",
)  # fmt: skip
_STARTS: Final = (
    b"", b"\x00", b"\r\n\r\n", b"GET", b"GET \r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/0.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", b"get / http/1.1\r\n\r\n",
    b"GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n", b"GET //[a HTTP/1.1\r\nHost: a\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\n: x\r\n\r\n", b"GET / HTTP/1.1\r\nA B: x\r\n\r\n", b"GET / HTTP/1.1\r\n folded\r\n\r\n", b"X" * 100_000,
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", b"GET ? HTTP/1.1\r\nHost: a\r\n\r\n",
)  # fmt: skip
_HEADERS: Final = (
    ("Authorization", b"Bearer " + b"a" * 60_000), ("Authorization", b"Basic \xff"), ("Authorization", b""), ("Authorization", b"Bearer a.b.c"),
    ("Authorization", b"Bearer e30.e30.e30"), ("Authorization", b"Bearer \x01"), ("X-Big", b"a" * 2_000_000), ("User-Agent", b"\xff\xfe\x01"),
    ("User-Agent", b"a" * 60_000), ("Impersonate-User", b"\xff"), ("Impersonate-User", b"system:serviceaccount:::"), ("Impersonate-Group", b"a"),
    ("Impersonate-Extra-%zz", b"a"), ("Impersonate-Uid", b"\xff"), ("If-None-Match", b"\xff"), ("Accept-Encoding", b"\xff,gzip"), ("Upgrade", b"x"),
    ("Connection", b"Upgrade"), ("X-Remote-User", b"\xff"), ("Audit-Id", b"\xff"), ("X-Forwarded-For", b"\xff"), ("Range", b"bytes=x"),
    ("Cookie", b"\xff=;;"), ("Content-Encoding", b"\xff"), ("Content-Type", b"\xff"), ("Transfer-Encoding", b"gzip, chunked"),
)  # fmt: skip


def test_what_is_no_http(judge: Judge) -> None:
    for start in _STARTS:
        judge.play_broken(start + b"\r\n\r\n")


def test_wrong_lengths_and_chunks(judge: Judge) -> None:
    for length in _LENGTHS:
        judge.play_broken(encoded("POST", _POST, [("Content-Length", length)], b"{}"))
    for chunk in _CHUNKS:
        judge.play_broken(encoded("POST", _POST, [("Transfer-Encoding", "chunked")], chunk))
    both = [("Transfer-Encoding", "chunked"), ("Content-Length", "5")]
    judge.play_broken(encoded("POST", _POST, both, b"2\r\n{}\r\n0\r\n\r\n"))


def test_odd_headers(judge: Judge) -> None:
    for name, value in _HEADERS:
        judge.play_broken(encoded("GET", "/api/v1/namespaces/fuzz/pods?limit=1", [(name, value)]))
        judge.play_broken(encoded("GET", "/api/v1/namespaces/fuzz/pods/none/exec", [(name, value)]))


def test_noise(judge: Judge, share: Callable[[float], int]) -> None:
    good = encoded("POST", _POST, [("Content-Type", "application/json")], b'{"metadata":{"name":"a"}}')
    places = st.tuples(st.integers(0, len(good) - 1), st.binary(min_size=1, max_size=4))

    def broken(changes: list[tuple[int, bytes]]) -> bytes:
        data = good
        for at, noise in changes:
            data = data[:at] + noise + data[at + len(noise) :]
        return data + b"\r\n\r\n"

    play(judge, share(0.01), st.lists(places, min_size=1, max_size=3).map(broken), judge.play_broken)
