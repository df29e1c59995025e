"""Reads files of the operator's machine within bounds: regular files, a limit of size, a limit of time.

A device, a named pipe or a socket that stands where a file is expected would block a command, or fill the
memory. The pipes that a shell makes for `<(COMMAND)` and /dev/stdin are read; their data must come in time.
"""

from __future__ import annotations

import os
import select
import stat
import time
from pathlib import Path

from kprov.errors import InputError

#: The largest file of variables, tasks, hosts or templates, in bytes. Files to copy have no limit.
LIMIT = 64 << 20
#: Seconds until a pipe of the shell must have ended.
PIPE_SECONDS = 60.0
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_PIPES = ("/dev/fd/", "/proc/self/fd/")
_BOMS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


def read_bytes(path: Path, *, field: str | None = None, limit: int | None = None) -> bytes:
    """Return the content of a file. Raises InputError, also for anything but a regular file."""
    limit = LIMIT if limit is None else limit
    try:
        # Without O_NONBLOCK a named pipe would block until another program opens it.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise InputError("the file does not exist", file=path, field=field) from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {_describe(error)}", file=path, field=field) from None
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISFIFO(mode) and _is_pipe_of_shell(path):
            content = _read_pipe(handle, limit)
        else:
            check_regular(mode, path, field)
            content = _read_file(handle, limit)
    except OSError as error:
        raise InputError(f"cannot be read: {_describe(error)}", file=path, field=field) from None
    finally:
        os.close(handle)
    if len(content) > limit:
        raise InputError(f"is larger than {limit >> 20} MiB", file=path, field=field)
    return content


def read_text(path: Path, *, field: str | None = None) -> str:
    """Return the text of a UTF-8 file without its byte order mark. Raises InputError."""
    return decode_text(read_bytes(path, field=field), path)


def decode_text(content: bytes, path: Path) -> str:
    """Decode UTF-8, with or without a byte order mark. Raises InputError with the line."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        encoding = next((name for start, name in _BOMS if content.startswith(start)), None)
        if encoding is not None:
            raise InputError(f"is {encoding}, not UTF-8; convert it", file=path) from None
        line = content.count(b"\n", 0, error.start) + 1
        text = f"cannot be read: it is not UTF-8 text (byte 0x{content[error.start]:02x})"
        raise InputError(text, file=path, line=line) from None


def check_regular(mode: int, path: Path, field: str | None = None) -> None:
    """Raise InputError if a mode of `stat` is not that of a regular file."""
    kind = next((name for test, name in _KINDS if test(mode)), None)
    if kind is not None:
        raise InputError(f"is {kind}, not a regular file", file=path, field=field)


def check_file(path: Path) -> None:
    """Raise InputError if a file of any size to send to a host is not a regular file."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {_describe(error)}", file=path) from None
    check_regular(mode, path)


def _is_pipe_of_shell(path: Path) -> bool:
    return str(path).startswith(_PIPES) or str(path) == "/dev/stdin"


def _read_file(handle: int, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit + 1
    while left > 0 and (part := os.read(handle, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _read_pipe(handle: int, limit: int) -> bytes:
    parts: list[bytes] = []
    left, deadline = limit + 1, time.monotonic() + PIPE_SECONDS
    while left > 0:
        ready, _, _ = select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError(f"it did not end within {PIPE_SECONDS:g} s")
        part = os.read(handle, min(left, 1 << 16))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _describe(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
