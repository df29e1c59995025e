"""gzip between the server and a backend, of which the client knows nothing."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import pytest

from kprov.kube.apiserver.streaming import encodings


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def unpacked(data: bytes, size: int = 7) -> list[bytes]:
    return [piece async for piece in encodings.decompress(pieces(data, size))]


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_members_are_joined(size: int) -> None:
    data = gzip.compress(b"one ") + gzip.compress(b"two")
    assert b"".join(await unpacked(data, size)) == b"one two"


async def test_what_is_packed_well_comes_in_pieces() -> None:
    data = bytes(10_000_000)
    found = await unpacked(gzip.compress(data), 100_000)
    assert b"".join(found) == data
    assert max(map(len, found)) <= 256 * 1024


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(b"text")[:-4], b""])
async def test_invalid_and_truncated_gzip_is_rejected(data: bytes) -> None:
    with pytest.raises(encodings.InvalidEncodingError):
        await unpacked(data)


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", {}, True), ("POST", {}, True), ("HEAD", {}, False), ("GET", {"Accept-Encoding": "br"}, False), ("GET", {"Range": "bytes=0-1"}, False),
    ],
)  # fmt: skip
def test_it_is_asked_for_where_the_client_says_nothing(
    method: str, headers: dict[str, str], expected: bool
) -> None:
    assert encodings.accepts_gzip(method, headers) is expected
