"""What is a request's head, and what is refused in which words."""

from __future__ import annotations

import pytest

from kprov.kube.component_base.http11 import head, target
from kprov.kube.component_base.http11.head import HeadError, RequestFields


def fields(*lines: str, proto: str = "HTTP/1.1", method: str = "GET") -> RequestFields:
    return head.parse_request_fields("\r\n".join(lines), method, proto)


def test_field_names_ignore_case_and_values_are_stripped() -> None:
    found = fields("host:x", "A:  b c\t", "a: \udcff")
    assert found.headers["HOST"] == "x"
    assert found.headers.getall("A") == ["b c", "\udcff"]


@pytest.mark.parametrize(
    "line",
    ["A", ": b", "A\t: b", "A(: b", "Ä: b", "A: b\x00", "A: b\rc", "A: b\x7f", "A: b\nC: d", "A: b\n", " c: d", "\tc", "Host: y", "Content-Length: ",
     "Content-Length: +1", "Content-Length: 1, 1", "Content-Length: 9223372036854775808", "Content-Length: 1\x0b",
     "Transfer-Encoding: \x0bchunked", "Transfer-Encoding: chunked\x00"],
)  # fmt: skip
def test_malformed_field_line_is_refused(line: str) -> None:
    with pytest.raises(HeadError) as caught:
        fields("Host: x", line)
    assert (caught.value.code, caught.value.text) == (400, "")


def test_field_lines_have_a_limit() -> None:
    assert len(fields("Host: x", *["A: b"] * 499).headers) == 500
    with pytest.raises(HeadError) as caught:
        fields("Host: x", *["A: b"] * 500)
    assert caught.value.code == 431


def test_first_field_line_cannot_be_folded() -> None:
    with pytest.raises(HeadError) as caught:
        fields(" Host: x")
    assert caught.value.text == ""


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["A: b"], "missing required Host header"), (["Host : x"], "invalid header name"), (["Host: x", "A : b"], "invalid header name"),
        (["Host: x/y"], "malformed Host header"), (["Host: x y"], "malformed Host header"), (["Host: ü"], "malformed Host header"),
    ],
)  # fmt: skip
def test_refused_head_has_a_reason(lines: list[str], text: str) -> None:
    with pytest.raises(HeadError) as caught:
        fields(*lines)
    assert (caught.value.code, caught.value.text) == (400, text)


@pytest.mark.parametrize(
    ("line", "version", "code"), [("HTTP/1.0", "1.0", 0), ("HTTP/1.7", "1.1", 0), ("HTTP/2.0", "", 505), ("HTTP/0.9", "", 505)]
)  # fmt: skip
def test_http_version_is_1_0_or_1_1_or_refused(line: str, version: str, code: int) -> None:
    if not code:
        assert fields("Host: x", proto=line).version == version
        return
    with pytest.raises(HeadError) as caught:
        fields("Host: x", proto=line)
    assert (caught.value.code, caught.value.text) == (code, "unsupported protocol version")


@pytest.mark.parametrize(
    ("lines", "proto", "length", "stays"),
    [
        ([], "HTTP/1.1", 0, True), (["Content-Length: 007"], "HTTP/1.1", 7, True),
        (["Transfer-Encoding: Chunked"], "HTTP/1.1", None, True), (["Transfer-Encoding: gzip", "Connection: keep-alive"], "HTTP/1.0", 0, False),
        (["Connection: a, Close"], "HTTP/1.1", 0, False), (["Connection: Keep-Alive"], "HTTP/1.0", 0, True), ([], "HTTP/1.0", 0, False),
    ],
)  # fmt: skip
def test_head_tells_body_length_and_persistence(
    lines: list[str], proto: str, length: int | None, stays: bool
) -> None:
    found = fields("Host: x", *lines, proto=proto)
    assert (found.length, found.keep_alive) == (length, stays)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["Transfer-Encoding: gzip"], 501), (["Transfer-Encoding: gzip, chunked"], 501), (["Transfer-Encoding: "], 501), (["Transfer-Encoding: chunked"] * 2, 400),
        (["Transfer-Encoding: chunked, gzip"], 400), (["Content-Length: 1", "Content-Length: 2"], 400), (["Content-Length: 1"] * 2, 400),
        (["Content-Length: 1", "Transfer-Encoding: chunked"], 400), (["Transfer-Encoding: chunked", "Trailer: a, content-length"], 400),
        (["Transfer-Encoding: chunked", "Trailer: Host"], 400),
    ],
)  # fmt: skip
def test_head_with_ambiguous_body_length_is_refused(lines: list[str], code: int) -> None:
    with pytest.raises(HeadError) as caught:
        fields("Host: x", *lines)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "line", ["GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET /", "GET /a b HTTP/1.1", "G(T / HTTP/1.1", "GET / http/1.1", "GET / HTTP/1.10", "GET\t/ HTTP/1.1", ""]
)  # fmt: skip
def test_malformed_request_line_is_refused(line: str) -> None:
    with pytest.raises(HeadError):
        head.parse_request_line(line)


@pytest.mark.parametrize(
    ("method", "text", "found"),
    [
        ("GET", "/a?b?c", ("/a", "b?c", "")), ("GET", "//a", ("//a", "", "")), ("GET", "*", ("*", "", "")), ("GET", "a:1?b", ("", "b", "")),
        ("GET", "http:/a", ("/a", "", "")), ("GET", "a+b://u:p@x:1/c?d", ("/c", "d", "x:1")), ("GET", "http://x?y", ("", "y", "x")),
        ("GET", "/\udcff\u00fc?\udcff", ("/%FF%C3%BC", "%FF", "")), ("CONNECT", "a:1", ("", "", "a:1")), ("CONNECT", "/a", ("/a", "", "")),
        ("GET", "http://[::1]:1/", ("/", "", "[::1]:1")), ("GET", "a", None), ("GET", "?a", None), ("GET", "1a://x/", None), ("GET", "/%zz", None),
        ("GET", "/a\x7f", None), ("GET", "http://x:y/", None), ("GET", "http://[::1/", None), ("GET", "", None),
    ],
)  # fmt: skip
def test_request_target_is_parsed_or_refused(
    method: str, text: str, found: tuple[str, str, str] | None
) -> None:
    if found is not None:
        assert target.parse_target(text, method) == found
        return
    with pytest.raises(ValueError, match=r"target|path"):
        target.parse_target(text, method)
