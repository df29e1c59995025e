"""Bind mounts for subPath that a container cannot redirect (pkg/volume/util/subpath).

A container may replace a directory of its volume by a link at any time (CVE-2021-25741). So the path is
opened component by component without following links. The open file, not its path, is mounted below the
pod's folder. The runtime gets the path of that mount.
"""

import os
import stat
from typing import Final

from kprov.kube.component_helpers.directory import Directory
from kprov.kube.kubelet.volumes import mount

#: A folder in the pod's folder. VOLUME/CONTAINER/INDEX in it is the mount for that entry of volumeMounts.
FOLDER: Final = "volume-subpaths"


def bind(volume: str, sub_path: str, pod: Directory, target: str) -> None:
    """Mount `sub_path` of `volume` at `target` in the pod's folder.

    Missing directories are created with the volume's mode. A mount of the same file at `target` stays.
    Raises OSError, PermissionError if the path leaves the volume.
    """
    descriptor = open_within(volume, sub_path)
    try:
        _mount_at(descriptor, pod, target)
    finally:
        os.close(descriptor)


def open_within(volume: str, sub_path: str) -> int:
    """Return an O_PATH descriptor of a path in the volume. The caller closes it.

    Links are resolved once and must stay in the volume. A link that appears after that is an error.
    """
    base = os.path.realpath(volume)
    full = os.path.realpath(os.path.join(base, sub_path))  # noqa: PTH118
    relative = os.path.relpath(full, base)
    if ".." in relative.split("/"):
        raise PermissionError(f'subPath "{sub_path}" is outside of the volume')
    with Directory.open(base) as directory:
        try:
            return directory.open_any(relative)
        except FileNotFoundError:
            mode = stat.S_IMODE(directory.get_own_status().st_mode)
            directory.make_directory(relative, mode).close()
            return directory.open_any(relative)


def _mount_at(descriptor: int, pod: Directory, target: str) -> None:
    wanted = os.fstat(descriptor)
    folder, _, name = target.rpartition("/")
    with pod.make_directory(folder, 0o750) as parent:
        status = parent.get_status(name)
        if mount.list_mount_points(f"{os.path.realpath(parent.path)}/{name}"):
            if status is not None and os.path.samestat(status, wanted):
                return
            mount.unmount_below(parent, name)
        _make_mount_point(parent, name, directory=stat.S_ISDIR(wanted.st_mode))
        mount.mount(f"/proc/self/fd/{descriptor}", f"{parent.path}/{name}", flags=mount.MS_BIND)


def _make_mount_point(parent: Directory, name: str, *, directory: bool) -> None:
    status = parent.get_status(name)
    if status is not None and stat.S_ISDIR(status.st_mode) != directory:
        # The volume had a file here before and has a directory now, or the other way round.
        if directory:
            parent.unlink(name)
        else:
            parent.remove_directory(name)
        status = None
    if directory:
        parent.make_directory(name, 0o750).close()
    elif status is None:
        parent.create_file(name, b"", 0o640)
