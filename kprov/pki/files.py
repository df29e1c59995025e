"""Files of the PKI: whole or not there; private ones are never readable by others, not for an instant."""

from __future__ import annotations

import os
import stat
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, that only the owner enters."""
    for missing in reversed([place for place in (path, *path.parents) if not place.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def write_file(path: Path, content: bytes, mode: int) -> None:
    """Write aside, fsync and rename; the mode holds from the first byte."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)


def write_if_changed(path: Path, content: bytes, mode: int) -> bool:
    """As `write`, when the content differs; a mode that is too wide is taken back. True if changed."""
    if path.exists() and path.read_bytes() == content:
        return narrow_mode(path, mode)
    write_file(path, content, mode)
    return True


def narrow_mode(path: Path, mode: int) -> bool:
    """Take away permissions beyond `mode`; True when there were some."""
    now = stat.S_IMODE(path.stat().st_mode)
    if now & ~mode:
        path.chmod(now & mode)
        return True
    return False
