"""The compiled code of templates between runs: compiling takes longer than all rendering of a run.

Each installation of kprov has a file. Like Python's .pyc files it is executed, so only a file that nobody
else can write is read, and only if the same kprov, Jinja2 and Python wrote it. A template with a known secret
is not stored.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import marshal
import os
import stat
import sys
import threading
from pathlib import Path
from types import CodeType

import jinja2

from kprov.content.caches import CACHE
from kprov.inventory import secrets

#: The folder of this user's files.
FOLDER: Path = CACHE / "templates"
#: Files to keep: installations of kprov, also of earlier versions.
KEEP = 4
#: Templates to keep. With more, those that the last run did not use are dropped.
LIMIT = 4000
_HASH = hashlib.sha256


def open_code_cache() -> CodeCache:
    """Return the cache of this user."""
    return CodeCache(FOLDER / f"{_read_stamp().hex()[:16]}.bin")


class CodeCache:
    """Code by template, loaded from a file on first use. `save` writes what was added."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stored: dict[bytes, bytes] | None = None
        self._used: dict[bytes, bytes] = {}
        self._changed = False
        self._lock = threading.Lock()

    def find(self, kind: str, text: str) -> CodeType | None:
        """Return the code of a template; `kind` says how it is compiled."""
        key = _make_key(kind, text)
        with self._lock:
            if self._stored is None:
                self._stored = _read_file(self._file)
            data = self._stored.get(key)
            if data is None:
                return None
            self._used[key] = data
        code = marshal.loads(data)  # noqa: S302  the file is this user's, and its digest is right
        return code if isinstance(code, CodeType) else None

    def add(self, kind: str, text: str, code: CodeType) -> None:
        """Store the code of a template, unless it has a known secret."""
        if secrets.within(text):
            return
        with self._lock:
            self._used[_make_key(kind, text)] = marshal.dumps(code)
            self._changed = True

    def save(self) -> None:
        """Write the file if code was added. A cache that cannot be written is no error."""
        with self._lock:
            if not self._changed:
                return
            self._changed = False
            entries = {**(self._stored or {}), **self._used}
            if len(entries) > LIMIT:
                entries = dict(self._used)
        with contextlib.suppress(OSError):
            _write_file(self._file, entries)


def _make_key(kind: str, text: str) -> bytes:
    return _HASH(f"{kind}\0{text}".encode(errors="surrogatepass")).digest()


@functools.cache
def _read_stamp() -> bytes:
    """Return a digest of what compiled code depends on: Python, Jinja2, and kprov's templating."""
    total = _HASH(f"{sys.version}\0{jinja2.__file__}\0{jinja2.__version__}".encode())
    total.update(importlib.util.MAGIC_NUMBER)
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        status = path.stat()
        total.update(f"{path}\0{status.st_mtime_ns}\0{status.st_size}\0".encode())
    return total.digest()


def _read_file(file: Path) -> dict[bytes, bytes]:
    """Return the code of a file; nothing if it is missing, of another version, or writable by others."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return {}
    with open(handle, "rb") as stream:
        status = os.fstat(handle)
        is_own = status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not stat.S_ISREG(status.st_mode) or not is_own:
            return {}
        content = stream.read()
    size = _HASH().digest_size
    stamp, digest, body = content[:size], content[size : 2 * size], content[2 * size :]
    if stamp != _read_stamp() or digest != _HASH(body).digest():
        return {}
    entries = marshal.loads(body)  # noqa: S302
    return entries if isinstance(entries, dict) else {}


def _write_file(file: Path, entries: dict[bytes, bytes]) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    body = marshal.dumps(entries)
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as stream:
            stream.write(_read_stamp() + _HASH(body).digest() + body)
        aside.rename(file)
    finally:
        aside.unlink(missing_ok=True)
    for old in sorted(file.parent.glob("*.bin"), key=lambda path: -path.stat().st_mtime)[KEEP:]:
        old.unlink(missing_ok=True)
