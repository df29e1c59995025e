"""Bind mounts for subPath that a container cannot redirect (pkg/volume/util/subpath).

A container may replace a directory of its volume by a link at any time (CVE-2021-25741). So the path is
opened component by component without following links. The open file, not its path, is mounted below the
pod's folder. The runtime gets the path of that mount.
"""

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from kprov.kube.kubelet.volumes import mount

#: A folder in the pod's folder. VOLUME/CONTAINER/INDEX in it is the mount for that entry of volumeMounts.
FOLDER: Final = "volume-subpaths"

_ANY: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def bind(volume: str, sub_path: str, target: Path) -> None:
    """Mount ``sub_path`` of ``volume`` at ``target``.

    Missing directories are created with the volume's mode. A mount of the same file at ``target`` stays.
    Raises OSError, PermissionError if the path leaves the volume.
    """
    descriptor = open_within(volume, sub_path)
    try:
        _mount_at(descriptor, target)
    finally:
        os.close(descriptor)


def open_within(volume: str, sub_path: str) -> int:
    """An O_PATH descriptor of a path in the volume. The caller closes it.

    Links are resolved once and must stay in the volume. A link that appears after that is an error.
    """
    base = os.path.realpath(volume)
    full = os.path.realpath(os.path.join(base, sub_path))  # noqa: PTH118
    relative = os.path.relpath(full, base)
    parts = [] if relative == "." else relative.split("/")
    if ".." in parts:
        raise PermissionError(f'subPath "{sub_path}" is outside of the volume')
    descriptor = os.open(base, _ANY | os.O_DIRECTORY)
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        for part in parts:
            child = _open_child(descriptor, part, mode)
            os.close(descriptor)
            descriptor = child
            if stat.S_ISLNK(os.fstat(descriptor).st_mode):
                raise PermissionError(f'subPath "{sub_path}" changed while it was opened: "{part}" is a link')
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_child(parent: int, name: str, mode: int) -> int:
    with contextlib.suppress(FileNotFoundError):
        return os.open(name, _ANY, dir_fd=parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, mode & 0o777, dir_fd=parent)
        child = os.open(name, _DIRECTORY, dir_fd=parent)
        try:
            # mkdir applies the umask and ignores some bits.
            os.fchmod(child, mode)
        finally:
            os.close(child)
    return os.open(name, _ANY, dir_fd=parent)


def _mount_at(descriptor: int, target: Path) -> None:
    wanted = os.fstat(descriptor)
    mounts = mount.list_mount_points(str(target))
    if mounts and os.path.samestat(target.lstat(), wanted):
        return
    for point in mounts:
        mount.unmount(point)
    _make_mount_point(target, directory=stat.S_ISDIR(wanted.st_mode))
    mount.mount(f"/proc/self/fd/{descriptor}", str(target), flags=mount.MS_BIND)


def _make_mount_point(target: Path, *, directory: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    if target.exists() and target.is_dir() != directory:
        # The volume had a file here before and has a directory now, or the other way round.
        if directory:
            target.unlink()
        else:
            target.rmdir()
    if directory:
        target.mkdir(exist_ok=True, mode=0o750)
    else:
        target.touch(exist_ok=True, mode=0o640)
