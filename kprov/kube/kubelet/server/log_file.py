"""Container logs as the runtime writes them: ``TIME stdout|stderr F|P TEXT`` (CRI's log format)."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from kprov.kube.machinery import timestamps

_BLOCK: Final = 64 * 1024
_POLL_SECONDS: Final = 0.2
_FULL: Final = b"F"


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """``tail`` lines from the end, None for all; ``since`` Unix seconds; ``limit`` bytes to give at most."""

    follow: bool = False
    tail: int | None = None
    since: float = 0.0
    timestamps: bool = False
    limit: int | None = None
    stream: str = "All"


def _end_of_lines(file: BinaryIO, size: int) -> int:
    """Where the last whole line before ``size`` ends: a size can be seen amid a write. Moves the position."""
    position = size
    while position > 0:
        length = min(_BLOCK, position)
        position -= length
        file.seek(position)
        at = file.read(length).rfind(b"\n")
        if at >= 0:
            return position + at + 1
    return 0


def _offset_of_tail(file: BinaryIO, end: int, lines: int) -> int:
    """Where the last ``lines`` lines before ``end``, the end of one, begin. Moves the file's position."""
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


def parse(line: bytes) -> tuple[bytes, bytes, bool, bytes]:
    """(time, stream, complete, text) of one line without its newline. Raises ValueError."""
    time_text, stream, tags, *rest = line.split(b" ", 3)
    text = rest[0] if rest else b""
    full = tags.split(b":", 1)[0] == _FULL
    return time_text, stream, full, text


def _shown(line: bytes, options: LogOptions) -> bytes:
    """What the reader gets of a line; empty when nothing."""
    try:
        when, stream, full, text = parse(line)
    except ValueError:
        return b""
    if options.stream != "All" and stream.decode() != options.stream.lower():
        return b""
    if options.since and timestamps.seconds(when.decode()) < options.since:
        return b""
    prefix = when + b" " if options.timestamps else b""
    return prefix + text + (b"\n" if full else b"")


async def read(path: str, options: LogOptions, is_running: Callable[[], bool | None]) -> AsyncIterator[bytes]:
    """Pieces of the log, to the last whole line that it has when it is opened.

    With ``follow`` until the container has ended and all is read: ``is_running()`` is asked at the end of the
    file, and a log that is rotated meanwhile goes on in its next file. FileNotFoundError: there is no log.
    """
    left = options.limit
    file = _open(path)
    try:
        end = await asyncio.to_thread(_end_of_lines, file, os.fstat(file.fileno()).st_size)
        start = 0
        if options.tail is not None:
            start = await asyncio.to_thread(_offset_of_tail, file, end, options.tail)
        file.seek(start)
        rest = b""
        ended = False
        while True:
            # Lines that are written while this reads would be more than the tail that was counted.
            block = file.read(_BLOCK if options.follow else min(_BLOCK, max(end - file.tell(), 0)))
            if block:
                *lines, rest = (rest + block).split(b"\n")
                piece = b"".join(_shown(line, options) for line in lines)
                if left is not None:
                    piece = piece[:left]
                    left -= len(piece)
                if piece:
                    yield piece
                if left == 0:
                    return
                await asyncio.sleep(0)
                continue
            if not options.follow or ended:
                return
            if _is_replaced(path, file.fileno()):
                file.close()
                file = _open(path)
                continue
            if is_running() is False:
                # Read once more: the last words may have come just now.
                ended = True
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        file.close()


def _open(path: str) -> BinaryIO:
    return open(path, "rb")


def _is_replaced(path: str, descriptor: int) -> bool:
    try:
        return Path(path).stat().st_ino != os.fstat(descriptor).st_ino
    except OSError:
        return False


def tail_text(path: str, *, lines: int, limit: int) -> str:
    """The end of a log as text: at most so many lines and bytes."""
    try:
        with open(path, "rb") as file:
            end = _end_of_lines(file, file.seek(0, os.SEEK_END))
            file.seek(_offset_of_tail(file, end, lines))
            content = b"".join(_shown(line, LogOptions()) for line in file.read().split(b"\n") if line)
    except OSError:
        return ""
    return content[-limit:].decode(errors="replace")


def since_seconds(seconds: str | None, moment: str | None) -> float:
    """Unix time of ?sinceSeconds and ?sinceTime, 0 without either. Raises ValueError."""
    if seconds:
        return time.time() - int(seconds)
    return timestamps.seconds(moment) if moment else 0.0
