"""Explains write failures (read-only or full file system) for callers that do not know the reason."""

from __future__ import annotations

import errno
import os


def explain_write_failure(folder: str) -> str:
    """Return a suffix for a message: `: Read-only file system`, `: No space left on device`, or ""."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return ""
    if status.f_flag & os.ST_RDONLY:
        return f": {os.strerror(errno.EROFS)}"
    blocks = status.f_bfree if os.geteuid() == 0 else status.f_bavail
    # File systems without a fixed number of inodes report 0.
    if (status.f_blocks and blocks == 0) or (status.f_files and status.f_ffree == 0):
        return f": {os.strerror(errno.ENOSPC)}"
    return ""
