"""Bodies in chunks, as they should be and not."""

from __future__ import annotations

import pytest

from kprov.kube.component_base.http11.body import BrokenBodyError
from kprov.kube.component_base.http11.chunks import ChunkedDecoder


def read(data: bytes, size: int) -> tuple[bytes, bytes | None]:
    """The body, and what follows it; fed in pieces of that size."""
    found: list[bytes] = []
    chunks = ChunkedDecoder(found.append)
    for at in range(0, len(data), size):
        rest = chunks.feed(data[at : at + size])
        if rest is not None:
            return b"".join(found), rest + data[at + size :]
    return b"".join(found), None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100_000])
@pytest.mark.parametrize(
    "data",
    [
        b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"0000000000000003;x=y\r\nabc\r\n0;z\r\n\r\n", b"3\r\nabc\r\n0\r\nA: b\r\nD: e\r\n\r\n",
        b'3;a = "b\\";c" ;d\r\nabc\r\n0\r\n\r\n',
        b"3;" + b"x" * 4092 + b"\r\nabc\r\n0\r\nA: " + b"b" * 4089 + b"\r\n\r\n",
    ],
)  # fmt: skip
def test_chunked_body_is_decoded_in_any_pieces(data: bytes, size: int) -> None:
    assert read(data + b"GET", size) == (b"abc", b"GET")
    assert read(data[:-1], size) == (b"abc", None)


@pytest.mark.parametrize("size", [1, 5, 100_000])
@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\r\n", "empty hex number for chunk length"), (b"+2\r\n", "invalid byte in chunk length"), (b"2 ;a\r\n", "invalid byte in chunk length"),
        (b"0" * 17 + b"\r\n", "http chunk length too large"), (b"2\nab\n", "chunked line ends with bare LF"), (b"2;a\rb\r\n", "invalid CR in chunked line"),
        (b"2\r\nabc\r\n", "malformed chunked encoding"), (b"2;" + b"x" * 4095 + b"\r\n", "header line too long"),
        ((b"1;" + b"x" * 4000 + b"\r\na\r\n") * 5, "chunked encoding contains too much non-data"),
        (b"0\r\nA: " + b"b" * 4090 + b"\r\n\r\n", "http: suspiciously long trailer after chunked body"),
        (b"0\r\nA b\r\n\r\n", 'malformed MIME header: missing colon: "A b"'), (b"0\r\n A: b\r\n\r\n", "malformed MIME header line:  A: b"),
        (b"0\r\nA(: b\r\n\r\n", "malformed MIME header line: A(: b"), (b"0\r\nA : b\r\n\r\n", "malformed MIME header line: A : b"),
        (b"0\r\nA: b\r\n c: d\r\n\r\n", "malformed MIME header line:  c: d"), (b"0\r\nA: b\nc: d\r\n\r\n", "trailer line ends with bare LF"),
        (b"0\r\nA: b\rc\r\n\r\n", "malformed MIME header line: A: b\rc"), (b"0\r\nContent-Length: 1\r\n\r\n", "Content-Length is not allowed in trailers"),
        (b"0\r\nhost: a\r\n\r\n", "host is not allowed in trailers"), (b"0\r\nTrailer: a\r\n\r\n", "Trailer is not allowed in trailers"), (b"0\n\n", "chunked line ends with bare LF"),
        (b"3 \t\r\n", "invalid byte in chunk length"), (b"0x2\r\n", "invalid byte in chunk length"), (b"8000000000000000\r\n", "http chunk length too large"),
        (b"2;\r\n", "invalid chunk extension"), (b"2;a=\x01\r\n", "invalid chunk extension"), (b'2;a="b\r\n', "invalid chunk extension"),
        (b"2\r\nab\n0\r\n", "malformed chunked encoding"),
    ],
)  # fmt: skip
def test_malformed_chunked_body_is_refused_with_its_reason(data: bytes, text: str, size: int) -> None:
    with pytest.raises(BrokenBodyError) as caught:
        read(data, size)
    assert str(caught.value) == text
