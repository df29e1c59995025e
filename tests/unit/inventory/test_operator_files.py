"""What is read where a file is expected, and what is refused at once instead of read for ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.inventory import operator_files


def make_fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/dev/zero", "is a device"), ("/dev", "is a folder"), ("/nowhere", "does not exist")],
)
def test_what_is_no_regular_file_is_refused(path: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"^{path}: .*{reason}"):
        operator_files.read_bytes(Path(path))


def test_a_named_pipe_is_refused_without_a_wait(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a named pipe, not a regular file"):
        operator_files.read_text(make_fifo(tmp_path / "pipe"))
    with pytest.raises(InputError, match="is a named pipe, not a regular file"):
        operator_files.check_file(tmp_path / "pipe")


def test_a_pipe_of_the_shell_is_read_to_its_end() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"a: 1\n")
    os.close(writer)
    try:
        assert operator_files.read_text(Path(f"/dev/fd/{reader}")) == "a: 1\n"
    finally:
        os.close(reader)


def test_a_pipe_of_the_shell_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_files, "PIPE_SECONDS", 0.05)
    reader, writer = os.pipe()
    try:
        with pytest.raises(InputError, match=r"did not end within 0\.05 s"):
            operator_files.read_bytes(Path(f"/dev/fd/{reader}"))
    finally:
        os.close(reader)
        os.close(writer)


def test_a_file_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (1 << 20))
    assert len(operator_files.read_bytes(tmp_path / "big", limit=1 << 20)) == 1 << 20
    (tmp_path / "big").write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(InputError, match="is larger than 1 MiB"):
        operator_files.read_bytes(tmp_path / "big", limit=1 << 20)


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xef\xbb\xbf[g]\n")
    assert operator_files.read_text(tmp_path / "file") == "[g]\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a: 1".encode("utf-16"), "is UTF-16, not UTF-8"),
        (b"a: 1\nb: \xe9\n", r":2: .*not UTF-8 text \(byte 0xe9\)"),
    ],
)
def test_another_encoding_is_named_with_its_line(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=reason):
        operator_files.read_text(tmp_path / "file")
