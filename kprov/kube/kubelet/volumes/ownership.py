"""Gives a volume's files to the pod's fsGroup (pkg/volume VolumeOwnership)."""

import contextlib
import os
import stat
from dataclasses import dataclass
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.component_helpers.directory import Directory

_READ_WRITE: Final = 0o660
_DIRECTORY: Final = stat.S_ISGID | 0o110


@dataclass(frozen=True, slots=True)
class Ownership:
    """`group` is None if the pod has no fsGroup. `on_root_mismatch`: only if the folder differs."""

    group: int | None
    on_root_mismatch: bool = False

    @classmethod
    def from_pod(cls, pod: Pod) -> "Ownership":
        context = pod.spec.security_context or {}
        return cls(context.get("fsGroup"), context.get("fsGroupChangePolicy") == "OnRootMismatch")


def change_ownership(folder: Directory, ownership: Ownership) -> None:
    """Give the folder and all below it to the group, which may then read and write it. Raises OSError.

    Another pod may use the folder at this time and exchange its entries: no link is followed.
    """
    group = ownership.group
    if group is None or (ownership.on_root_mismatch and _belongs_to(folder, group)):
        return
    # From the inside out: a walk that was interrupted leaves the root different, and is repeated.
    for _, directories, files, descriptor in os.fwalk(
        ".", topdown=False, follow_symlinks=False, dir_fd=folder.descriptor
    ):
        for name in (*files, *directories):
            # Deleted or exchanged in the meantime: what replaced it has the group by setgid, or not yet.
            with contextlib.suppress(FileNotFoundError):
                _change_entry(name, group, descriptor)
    _change(folder.path, folder.get_own_status().st_mode, group)


def _change_entry(name: str, group: int, directory: int) -> None:
    entry = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        mode = os.fstat(entry).st_mode
        if stat.S_ISLNK(mode):
            os.chown(name, -1, group, dir_fd=directory, follow_symlinks=False)
        else:
            # chmod takes no descriptor of O_PATH. This path leads to the open file, whatever its name.
            _change(f"/proc/self/fd/{entry}", mode, group)
    finally:
        os.close(entry)


def _change(path: str, mode: int, group: int) -> None:
    os.chown(path, -1, group)
    os.chmod(path, stat.S_IMODE(mode | _READ_WRITE | (_DIRECTORY if stat.S_ISDIR(mode) else 0)))  # noqa: PTH101


def _belongs_to(folder: Directory, group: int) -> bool:
    status = folder.get_own_status()
    wanted = _READ_WRITE | _DIRECTORY
    return status.st_gid == group and status.st_mode & wanted == wanted
