"""Deletes a directory tree but nothing that is mounted in it (removeall.RemoveAllOneFilesystem)."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kprov.kube.component_helpers.directory import Directory

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class _Directory:
    """An open directory and its subdirectories that are not deleted yet."""

    descriptor: int
    name: str
    path: str
    subdirectories: list[str]


def remove_tree(path: Path) -> None:
    """Delete `path` and all below it, if it exists.

    Raises OSError: EBUSY names a mount point, whose content stays. Links are deleted, not followed.
    """
    with Directory.open(path.parent) as parent:
        remove_entry(parent, path.name, str(path.parent))


def remove_entry(directory: Directory, name: str, shown: str = "") -> None:
    """Delete `name` in an open directory like `remove_tree`. `shown`: the directory in messages."""
    stack = [_Directory(os.dup(directory.descriptor), "", shown, [name])]
    try:
        here = get_mount_id(directory.descriptor)
        while True:
            current = stack[-1]
            if current.subdirectories:
                name = current.subdirectories.pop()
                try:
                    stack.append(_delete_files(current, name, here))
                except FileNotFoundError:
                    continue
            elif len(stack) > 1:
                stack.pop()
                os.close(current.descriptor)
                os.rmdir(current.name, dir_fd=stack[-1].descriptor)
            else:
                return
    finally:
        for opened in stack:
            os.close(opened.descriptor)


def _delete_files(parent: _Directory, name: str, mount_id: int) -> _Directory:
    """Open a subdirectory and delete all entries that are no directories."""
    path = f"{parent.path}/{name}"
    descriptor = os.open(name, _DIRECTORY, dir_fd=parent.descriptor)
    try:
        if get_mount_id(descriptor) != mount_id:
            raise OSError(errno.EBUSY, "a file system is still mounted here", path)
        subdirectories = []
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    subdirectories.append(entry.name)
                else:
                    # EBUSY when a file is mounted on it.
                    os.unlink(entry.name, dir_fd=descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return _Directory(descriptor, name, path, subdirectories)


def get_mount_id(descriptor: int) -> int:
    """Return the mount of an open file. Bind mounts of one file system share `st_dev` but not this id."""
    for line in Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "mnt_id":
            return int(value)
    raise OSError(f"/proc/self/fdinfo/{descriptor} has no mnt_id")
