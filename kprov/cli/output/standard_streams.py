"""Standard streams that cannot end a run: hosts are not left half done because nobody reads the output."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _UnfailingWriter(io.FileIO):
    """A descriptor that takes what is written also when it can go nowhere; the reason is kept."""

    #: What was lost because of something else than a reader who has gone.
    lost: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            while (written := super().write(data)) is None:
                select.select([], [self], [])  # a child that shares the descriptor made it non-blocking
            return written
        except OSError as error:
            if error.errno != errno.EPIPE:
                _UnfailingWriter.lost = error
            return len(memoryview(data))


def protect_streams() -> None:
    """Make standard output and error such streams, and let none of the three be missing."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # closed by the caller; else the next file or socket would be the output
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout, sys.stderr = _protect_stream(1, sys.stdout), _protect_stream(2, sys.stderr)


def _protect_stream(descriptor: int, old: TextIO | None) -> io.TextIOWrapper:
    raw = _UnfailingWriter(descriptor, "w", closefd=False)
    passes = old is not None and old.errors == "surrogateescape"
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=old.encoding if old is not None else "utf-8",
        # What a host's program or file says need not be text: it must not end the run.
        errors="surrogateescape" if passes and descriptor == 1 else "backslashreplace",
        line_buffering=descriptor == 2 or raw.isatty(),
    )


def write_error() -> OSError | None:
    """Why output was lost, if it was and a reader who has gone is not the reason."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return _UnfailingWriter.lost
