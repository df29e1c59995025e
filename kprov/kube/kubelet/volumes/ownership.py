"""Gives a volume's files to the pod's fsGroup (pkg/volume VolumeOwnership)."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kprov.kube.api.core import Pod

_READ_WRITE: Final = 0o660
_DIRECTORY: Final = stat.S_ISGID | 0o110


@dataclass(frozen=True, slots=True)
class Ownership:
    """``group`` is None if the pod has no fsGroup. ``on_root_mismatch``: only if the folder differs."""

    group: int | None
    on_root_mismatch: bool = False

    @classmethod
    def from_pod(cls, pod: Pod) -> "Ownership":
        context = pod.spec.security_context or {}
        return cls(context.get("fsGroup"), context.get("fsGroupChangePolicy") == "OnRootMismatch")


def change_ownership(folder: Path, ownership: Ownership) -> None:
    """Give the folder and all below it to the group, which may then read and write it. Raises OSError."""
    group = ownership.group
    if group is None or (ownership.on_root_mismatch and _belongs_to(folder, group)):
        return
    # From the inside out: a walk that was interrupted leaves the root different, and is repeated.
    for _, directories, files, descriptor in os.fwalk(folder, topdown=False, follow_symlinks=False):
        for name in (*files, *directories):
            _change_entry(name, group, descriptor)
    _change_entry(str(folder), group, None)


def _change_entry(name: str, group: int, descriptor: int | None) -> None:
    try:
        os.chown(name, -1, group, dir_fd=descriptor, follow_symlinks=False)
        mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            return
        wanted = mode | _READ_WRITE | (_DIRECTORY if stat.S_ISDIR(mode) else 0)
        os.chmod(name, stat.S_IMODE(wanted), dir_fd=descriptor)
    except FileNotFoundError:
        # Deleted in the meantime.
        return


def _belongs_to(folder: Path, group: int) -> bool:
    status = folder.stat()
    wanted = _READ_WRITE | _DIRECTORY
    return status.st_gid == group and status.st_mode & wanted == wanted
