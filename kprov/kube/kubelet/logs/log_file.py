"""Reads container logs in CRI's format: `TIME stdout|stderr F|P TEXT`."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import BinaryIO, Final

from kprov.kube.kubelet.logs import log_paths
from kprov.kube.machinery import timestamps

_BLOCK: Final = 64 * 1024
_POLL_SECONDS: Final = 0.2
_FULL: Final = b"F"


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """`tail`: number of lines, None for all. `since`: Unix seconds. `limit`: bytes."""

    follow: bool = False
    tail: int | None = None
    since: float = 0.0
    timestamps: bool = False
    limit: int | None = None
    stream: str = "All"


def _find_end_of_lines(file: BinaryIO, size: int) -> int:
    """Return the end of the last whole line before `size`: a line may be half written.

    Moves the position.
    """
    position = size
    while position > 0:
        length = min(_BLOCK, position)
        position -= length
        file.seek(position)
        at = file.read(length).rfind(b"\n")
        if at >= 0:
            return position + at + 1
    return 0


def _find_tail(file: BinaryIO, end: int, lines: int) -> int:
    """Return the start of the last `lines` lines before `end`, the end of a line. Moves the position."""
    if lines <= 0:
        return end
    # The newline that ends the last line does not count.
    position, count = end, 0
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        file.seek(position)
        block = file.read(size)
        at = len(block)
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            if position + at == end - 1:
                continue
            count += 1
            if count == lines:
                return position + at + 1
    return 0


def parse_line(line: bytes) -> tuple[bytes, bytes, bool, bytes]:
    """(time, stream, complete, text) of one line without its newline. Raises ValueError."""
    time_text, stream, tags, *rest = line.split(b" ", 3)
    text = rest[0] if rest else b""
    full = tags.split(b":", 1)[0] == _FULL
    return time_text, stream, full, text


def _render_line(line: bytes, options: LogOptions) -> bytes:
    """Return the line as the options select it. Empty if they exclude it."""
    try:
        when, stream, full, text = parse_line(line)
    except ValueError:
        return b""
    if options.stream != "All" and stream.decode() != options.stream.lower():
        return b""
    if options.since and timestamps.seconds(when.decode()) < options.since:
        return b""
    prefix = when + b" " if options.timestamps else b""
    return prefix + text + (b"\n" if full else b"")


class _LineRenderer:
    """Turns blocks of the file into rendered lines, up to the limit of bytes."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._rest = b""
        self._left = options.limit

    @property
    def is_complete(self) -> bool:
        return self._left == 0

    def render(self, block: bytes) -> bytes:
        *lines, self._rest = (self._rest + block).split(b"\n")
        piece = b"".join(_render_line(line, self._options) for line in lines)
        if self._left is not None:
            piece = piece[: self._left]
            self._left -= len(piece)
        return piece


async def read_log(
    path: str, options: LogOptions, is_running: Callable[[], bool | None]
) -> AsyncIterator[bytes]:
    """Pieces of the log, to the last whole line that it has when it is opened.

    With `follow` until the container has ended and all is read: `is_running()` is called at the end of
    the file. A log that is rotated in the meantime continues in its next file. FileNotFoundError: no log.
    """
    renderer = _LineRenderer(options)
    file = _open(path)
    try:
        end = await asyncio.to_thread(_find_end_of_lines, file, os.fstat(file.fileno()).st_size)
        start = 0
        if options.tail is not None:
            start = await asyncio.to_thread(_find_tail, file, end, options.tail)
        file.seek(start)
        ended = False
        while True:
            # Without follow, lines that are written while this reads are left out: the tail is counted.
            block = file.read(_BLOCK if options.follow else min(_BLOCK, max(end - file.tell(), 0)))
            if block:
                if piece := renderer.render(block):
                    yield piece
                if renderer.is_complete:
                    return
                await asyncio.sleep(0)
                continue
            if not options.follow or ended:
                return
            if _is_replaced(path, file.fileno()):
                file.close()
                file = _open(path)
                continue
            # Read once more after the end: the container may have written its last lines just now.
            ended = is_running() is False
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        file.close()


def _open(path: str) -> BinaryIO:
    return open(log_paths.open_log(path), "rb")


def _is_replaced(path: str, descriptor: int) -> bool:
    try:
        with _open(path) as file:
            return os.fstat(file.fileno()).st_ino != os.fstat(descriptor).st_ino
    except OSError:
        return False


def read_tail(path: str, *, lines: int, limit: int) -> str:
    """Return the end of a log: at most `lines` lines and `limit` bytes.

    Empty if the log cannot be read.
    """
    try:
        with _open(path) as file:
            end = _find_end_of_lines(file, file.seek(0, os.SEEK_END))
            file.seek(_find_tail(file, end, lines))
            content = b"".join(_render_line(line, LogOptions()) for line in file.read().split(b"\n") if line)
    except OSError:
        return ""
    return content[-limit:].decode(errors="replace")


def parse_since(seconds: str | None, moment: str | None) -> float:
    """Unix time of ?sinceSeconds and ?sinceTime, 0 without either. Raises ValueError."""
    if seconds:
        return time.time() - int(seconds)
    return timestamps.seconds(moment) if moment else 0.0
