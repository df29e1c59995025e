"""Explains write failures (read-only, full) of programs that do not report them."""

from __future__ import annotations

import errno
import os


def explain_write_failure(folder: str) -> str:
    """Return a suffix for a message: `: Read-only file system`, `: No space left on device`, or ""."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return ""
    if found.f_flag & os.ST_RDONLY:
        return f": {os.strerror(errno.EROFS)}"
    blocks = found.f_bfree if os.geteuid() == 0 else found.f_bavail
    # File systems without a fixed number of inodes report 0.
    if (found.f_blocks and blocks == 0) or (found.f_files and found.f_ffree == 0):
        return f": {os.strerror(errno.ENOSPC)}"
    return ""
