"""Logs in CRI's format."""

import os
from pathlib import Path

import pytest

from kprov.kube.kubelet.logs import log_file
from kprov.kube.kubelet.logs.log_file import LogOptions

LINES = (
    b"2026-01-01T00:00:01.000000001Z stdout F one\n"
    b"2026-01-01T00:00:02.000000001Z stdout P two-\n"
    b"2026-01-01T00:00:02.500000001Z stdout F half\n"
    b"2026-01-01T00:00:03.000000001Z stderr F three\n"
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = tmp_path / "0.log"
    file.write_bytes(LINES)
    return str(file)


async def read(path: str, **options: object) -> bytes:
    pieces = log_file.read_log(path, LogOptions(**options), lambda: False)  # type: ignore[arg-type]
    return b"".join([piece async for piece in pieces])


async def test_partial_lines_are_joined(path: str) -> None:
    assert await read(path) == b"one\ntwo-half\nthree\n"


async def test_the_tail_is_counted_in_lines(path: str) -> None:
    assert await read(path, tail=1) == b"three\n"
    assert await read(path, tail=0) == b""
    assert await read(path, tail=100) == b"one\ntwo-half\nthree\n"


async def test_since_stream_limit_and_timestamps(path: str) -> None:
    assert await read(path, since=log_file.parse_since(None, "2026-01-01T00:00:02.6Z")) == b"three\n"
    assert await read(path, stream="Stderr") == b"three\n"
    assert await read(path, limit=5) == b"one\nt"
    assert await read(path, tail=1, timestamps=True) == b"2026-01-01T00:00:03.000000001Z three\n"


async def test_following_ends_when_the_container_has_ended(path: str) -> None:
    assert await read(path, follow=True, tail=1) == b"three\n"


def append_line(path: str) -> None:
    with Path(path).open("ab") as file:
        file.write(b"2026-01-01T00:00:04.000000001Z stdout F four\n")


@pytest.mark.parametrize(("follow", "said"), [(False, b"three\n"), (True, b"three\nfour\n")])
async def test_only_who_follows_a_log_reads_what_is_written_meanwhile(
    path: str, follow: bool, said: bytes
) -> None:
    pieces = log_file.read_log(path, LogOptions(tail=1, follow=follow), lambda: False)
    found = [await anext(pieces)]
    append_line(path)
    found += [piece async for piece in pieces]
    assert b"".join(found) == said


@pytest.mark.parametrize(
    ("tail", "said"), [(1, b"three\n"), (2, b"half\nthree\n"), (None, b"one\ntwo-half\nthree\n")]
)
async def test_a_line_that_is_being_written_does_not_count(path: str, tail: int | None, said: bytes) -> None:
    Path(path).write_bytes(LINES + b"2026-01-01T00:00:04.0000")
    assert await read(path, tail=tail) == said


async def test_a_log_without_a_whole_line_is_empty(path: str) -> None:
    Path(path).write_bytes(b"2026-01-01T00:00:04.0000")
    assert await read(path, tail=1) == b""


async def test_a_log_that_was_cut_ends_where_it_ends(path: str) -> None:
    pieces = log_file.read_log(path, LogOptions(), lambda: True)
    assert await anext(pieces) == b"one\ntwo-half\nthree\n"
    os.truncate(path, 10)
    assert [piece async for piece in pieces] == []


def test_the_end_of_a_log_as_text(path: str) -> None:
    assert log_file.read_tail(path, lines=1, limit=100) == "three\n"
    assert log_file.read_tail("/nonexistent", lines=1, limit=100) == ""
