"""Standard streams whose write errors do not end a run, so that no host stays half configured."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

from kprov.cli.output.control_characters import escape_controls

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _UnfailingWriter(io.FileIO):
    """A file descriptor that ignores write errors and stores the first one."""

    #: A write error other than a closed pipe.
    lost: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            while (written := super().write(data)) is None:
                select.select(
                    [], [self], []
                )  # a child process that shares the descriptor made it non-blocking
            return written
        except OSError as error:
            if error.errno != errno.EPIPE:
                _UnfailingWriter.lost = error
            return len(memoryview(data))


class _EscapingWriter(io.TextIOWrapper):
    """A text stream that shows control characters instead of sending them to the terminal."""

    def write(self, text: str, /) -> int:
        super().write(escape_controls(text))
        return len(text)

    def write_rendered(self, text: str) -> int:
        """Write a text that has escapes of kprov itself, or a document that must stay as it is."""
        return super().write(text)


def write_exactly(text: str) -> None:
    """Write a document of the operator to standard output without a change."""
    getattr(sys.stdout, "write_rendered", sys.stdout.write)(text)


def protect_streams() -> None:
    """Replace standard output and error by such streams, and open missing standard descriptors."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # closed by the caller; otherwise the next opened file would get this descriptor
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout, sys.stderr = _protect_stream(1, sys.stdout), _protect_stream(2, sys.stderr)


def _protect_stream(descriptor: int, old: TextIO | None) -> io.TextIOWrapper:
    raw = _UnfailingWriter(descriptor, "w", closefd=False)
    passes = old is not None and old.errors == "surrogateescape"
    return _EscapingWriter(
        io.BufferedWriter(raw),
        encoding=old.encoding if old is not None else "utf-8",
        # The output of programs on hosts may not be text and must not end the run.
        errors="surrogateescape" if passes and descriptor == 1 else "backslashreplace",
        line_buffering=descriptor == 2 or raw.isatty(),
    )


def write_error() -> OSError | None:
    """Return the write error, unless the reader closed the pipe."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return _UnfailingWriter.lost
