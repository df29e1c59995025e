"""mount(2) and umount2(2) without a process for each call, and the mounts that /proc lists."""

import ctypes
import os
import re
from pathlib import Path
from typing import Final

MS_BIND: Final = 4096
_MNT_DETACH: Final = 2
_UMOUNT_NOFOLLOW: Final = 8

_libc = ctypes.CDLL(None, use_errno=True)
#: How mountinfo writes a blank, tab, newline or backslash in a path.
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Raises OSError."""
    code = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _raise_if_failed(code, target)


def unmount(target: str) -> None:
    """Detach the mount at ``target``. Does not follow a link there. Raises OSError."""
    _raise_if_failed(_libc.umount2(os.fsencode(target), _MNT_DETACH | _UMOUNT_NOFOLLOW), target)


def list_mount_points(folder: str) -> list[str]:
    """Mount points at or below a folder, the newest first: an older mount never hides a newer one.

    The kernel lists real paths, so links in ``folder`` are resolved. A point is listed once for each mount.
    """
    real = os.path.realpath(folder)
    points = [_parse_mount_point(line) for line in Path("/proc/self/mountinfo").read_bytes().splitlines()]
    inside = real.rstrip("/") + "/"
    return [point for point in reversed(points) if point == real or point.startswith(inside)]


def get_mount_id(descriptor: int) -> int:
    """The mount of an open file. Bind mounts of one file system share ``st_dev`` but not this id."""
    for line in Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "mnt_id":
            return int(value)
    raise OSError(f"/proc/self/fdinfo/{descriptor} has no mnt_id")


def _parse_mount_point(line: bytes) -> str:
    return os.fsdecode(_OCTAL.sub(lambda match: bytes([int(match[1], 8)]), line.split(b" ")[4]))


def _raise_if_failed(code: int, target: str) -> None:
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)
