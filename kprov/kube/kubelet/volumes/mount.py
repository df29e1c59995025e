"""mount(2) and umount(2) without a process for each."""

import ctypes
import os
from pathlib import Path
from typing import Final

MS_NOSUID: Final = 2
MS_BIND: Final = 4096
MNT_DETACH: Final = 2

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Raises OSError."""
    code = _libc.mount(
        source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None
    )
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def unmount(target: str) -> None:
    """Raises OSError."""
    if _libc.umount2(target.encode(), MNT_DETACH) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def below(folder: str) -> list[str]:
    """Mount points at or below a folder, deepest first."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        point = line.split(" ")[4].encode().decode("unicode_escape")
        if point == folder or point.startswith(folder.rstrip("/") + "/"):
            found.append(point)
    return sorted(found, key=len, reverse=True)
