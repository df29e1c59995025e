"""mount(2) and umount2(2) without a process for each call, and the mounts that /proc lists."""

import ctypes
import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from kprov.kube.component_helpers.directory import Directory

MS_RDONLY: Final = 1
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_REMOUNT: Final = 32
MS_NOATIME: Final = 1024
MS_NODIRATIME: Final = 2048
MS_BIND: Final = 4096
MS_RELATIME: Final = 1 << 21
_MNT_DETACH: Final = 2
_UMOUNT_NOFOLLOW: Final = 8

_libc = ctypes.CDLL(None, use_errno=True)
#: How mountinfo writes a blank, tab, newline or backslash in a path.
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Raise OSError."""
    code = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _raise_if_failed(code, target)


def unmount(target: str) -> None:
    """Detach the mount at `target`. Does not follow a link there. Raises OSError."""
    _raise_if_failed(_libc.umount2(os.fsencode(target), _MNT_DETACH | _UMOUNT_NOFOLLOW), target)


def list_mount_points(folder: str) -> list[str]:
    """Mount points at or below a folder, the newest first: an older mount never hides a newer one.

    The kernel lists real paths, so links in `folder` are resolved. A point is listed once for each mount.
    """
    real = os.path.realpath(folder)
    return [entry.point for entry in reversed(_read_mounts()) if _is_within(entry.point, real)]


def unmount_below(directory: Directory, path: str) -> None:
    """Detach all that is mounted at or below a path in the directory, without following a link. OSError."""
    base = os.path.realpath(directory.path)
    for point in list_mount_points(f"{base}/{path}"):
        above, _, name = os.path.relpath(point, base).rpartition("/")
        with directory.open_directory(above or ".") as parent:
            unmount(f"{parent.path}/{name}")


def list_binds(folder: Path) -> list[str]:
    """Return the mount points that show exactly this folder, without the mount of it (GetMountRefs)."""
    real = os.path.realpath(folder)
    mounts = _read_mounts()
    around = [entry for entry in mounts if _is_within(real, entry.point)]
    if not around:
        return []
    # Of several mounts at one point, the last covers the others.
    own = max(reversed(around), key=lambda entry: len(entry.point))
    root = os.path.normpath(os.path.join(own.root, os.path.relpath(real, own.point)))  # noqa: PTH118
    return [
        entry.point
        for entry in mounts
        if entry.device == own.device and entry.root == root and entry.point != real
    ]


class _Mount(NamedTuple):
    """`root`: the folder of the file system `device` that is mounted at `point`."""

    device: bytes
    root: str
    point: str


def _read_mounts() -> list[_Mount]:
    """All mounts, the oldest first."""
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    fields = (line.split(b" ") for line in lines)
    return [_Mount(words[2], _decode(words[3]), _decode(words[4])) for words in fields]


def _decode(path: bytes) -> str:
    return os.fsdecode(_OCTAL.sub(lambda match: bytes([int(match[1], 8)]), path))


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _raise_if_failed(code: int, target: str) -> None:
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)
