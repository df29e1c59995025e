"""Writes files of the PKI atomically; private ones are never readable by other users."""

from __future__ import annotations

import os
import stat
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644


def make_folder(path: Path) -> None:
    """Make a folder and its parents with mode 0700."""
    for missing in reversed([place for place in (path, *path.parents) if not place.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def write_file(path: Path, content: bytes, mode: int) -> None:
    """Write a temporary file with the final mode, fsync it, and rename it."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)


def write_if_changed(path: Path, content: bytes, mode: int) -> bool:
    """Write a file if its content differs; restrict a mode that is too wide. Return whether it changed."""
    if path.exists() and path.read_bytes() == content:
        return narrow_mode(path, mode)
    write_file(path, content, mode)
    return True


def narrow_mode(path: Path, mode: int) -> bool:
    """Remove permissions beyond `mode`; return whether there were some."""
    now = stat.S_IMODE(path.stat().st_mode)
    if now & ~mode:
        path.chmod(now & mode)
        return True
    return False
