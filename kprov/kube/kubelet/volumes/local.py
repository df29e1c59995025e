"""Mounts local persistent volumes: binds a directory of this host in the pod's folder (pkg/volume/local)."""

import os
import stat
from pathlib import Path
from typing import Final

from kprov.kube.component_helpers.directory import Directory
from kprov.kube.component_helpers.tree_removal import get_mount_id
from kprov.kube.kubelet.errors import VolumeError
from kprov.kube.kubelet.volumes import mount
from kprov.kube.kubelet.volumes.claims import BoundVolume
from kprov.kube.kubelet.volumes.ownership import Ownership, change_ownership

#: The mount options that a bind mount can have of its own. The file system has all others.
_OPTIONS: Final = {
    "bind": 0,
    "rw": 0,
    "ro": mount.MS_RDONLY,
    "nosuid": mount.MS_NOSUID,
    "nodev": mount.MS_NODEV,
    "noexec": mount.MS_NOEXEC,
    "noatime": mount.MS_NOATIME,
    "nodiratime": mount.MS_NODIRATIME,
    "relatime": mount.MS_RELATIME,
}


def mount_volume(
    volume: BoundVolume, pod: Directory, path: str, *, pods_folder: Path, ownership: Ownership
) -> str:
    """Bind the volume's directory at `path` in the pod's folder unless it is mounted there.

    `pods_folder`: the folders of all pods are in it. Returns a warning for the pod's user, "" for none.
    Raises VolumeError, OSError.
    """
    source = Path(volume.source["path"])
    if ".." in source.parts:
        raise VolumeError(f"invalid path: {source} must not contain '..'")
    flags = _parse_options(volume)
    with pod.make_directory(path, 0o750) as folder:
        if get_mount_id(folder.descriptor) != get_mount_id(pod.descriptor):
            return ""
        if not stat.S_ISDIR(get_mode(source)):
            text = f"local volume {source} is not a directory, which is all that this kubelet mounts"
            raise VolumeError(text)
        with Directory.open(source) as directory:
            warning = "" if volume.read_only else _set_group(volume, directory, pods_folder, ownership)
            mount.mount(directory.path, folder.path, flags=mount.MS_BIND)
    if flags:
        with pod.open_directory(path) as mounted:
            try:
                mount.mount("", mounted.path, flags=mount.MS_BIND | mount.MS_REMOUNT | flags)
            except OSError:
                mount.unmount_below(pod, path)
                raise
    return warning


def check_device(volume: BoundVolume) -> str:
    """Return the path of a volume in block mode. Raises VolumeError if it is no block device."""
    path = Path(volume.source["path"])
    if not stat.S_ISBLK(get_mode(path)):
        raise VolumeError(f"the path {path} of volume {volume.name} is not a block device")
    return str(path)


def get_mode(path: Path) -> int:
    """Raise VolumeError if there is nothing at the path."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        raise VolumeError(f'path "{path}" does not exist') from None


def _parse_options(volume: BoundVolume) -> int:
    flags = mount.MS_RDONLY if volume.read_only else 0
    for option in volume.mount_options:
        if option not in _OPTIONS:
            raise VolumeError(
                f'mount option "{option}" of volume {volume.name} is not possible for a bind mount; use '
                f"{', '.join(_OPTIONS)}"
            )
        flags |= _OPTIONS[option]
    return flags


def _set_group(volume: BoundVolume, source: Directory, pods_folder: Path, ownership: Ownership) -> str:
    """Give the files to the pod's fsGroup, unless another pod uses them. Returns a warning."""
    if ownership.group is None:
        return ""
    inside, real = f"{os.path.realpath(pods_folder)}/", Path(os.path.realpath(source.path))
    if not any(point.startswith(inside) for point in mount.list_binds(real)):
        change_ownership(source, ownership)
    elif (group := source.get_own_status().st_gid) != ownership.group:
        return (
            f"The requested fsGroup is {ownership.group}, but the volume {volume.name} has GID {group}. "
            "The volume may not be shareable."
        )
    return ""
