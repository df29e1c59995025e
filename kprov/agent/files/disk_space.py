"""Why nothing can be written somewhere, where the program that failed does not say it."""

from __future__ import annotations

import errno
import os


def explain_write_failure(folder: str) -> str:
    """What to add to a message: `: Read-only file system`, `: No space left on device`, or nothing."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return ""
    if found.f_flag & os.ST_RDONLY:
        return f": {os.strerror(errno.EROFS)}"
    blocks = found.f_bfree if os.geteuid() == 0 else found.f_bavail
    # File systems without a number of inodes say none are there.
    if (found.f_blocks and blocks == 0) or (found.f_files and found.f_ffree == 0):
        return f": {os.strerror(errno.ENOSPC)}"
    return ""
