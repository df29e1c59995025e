"""The directories of volumes. A directory is named after its volume, whose name has the claim's UID."""

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from kprov.kube.component_helpers.tree_removal import remove_tree

#: What a claim's UID looks like. Anything else never becomes a part of a path.
_UID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PREFIX: Final = "pvc-"
# Any user of a container may write. Nobody else of the host gets past the directory of all volumes.
_VOLUME_MODE: Final = 0o777
_ALL_VOLUMES_MODE: Final = 0o700


def make_volume_name(claim_uid: str) -> str:
    """Return the name of the claim's volume and directory. Raises ValueError if this is no UID."""
    if not _UID.fullmatch(claim_uid):
        raise ValueError(f"{claim_uid!r} is not a UID")
    return f"{_PREFIX}{claim_uid}"


def is_volume_name(name: str) -> bool:
    return name.startswith(_PREFIX) and _UID.fullmatch(name.removeprefix(_PREFIX)) is not None


class VolumeDirectories:
    """The directories below `folder`. All methods raise OSError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get_path(self, name: str) -> Path:
        """Raise ValueError if no volume of ours has this name."""
        if not is_volume_name(name):
            raise ValueError(f"{name!r} is not the name of a volume that this program made")
        return self.folder / name

    def prepare(self) -> None:
        """Make the directory of all volumes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(_ALL_VOLUMES_MODE)

    def create(self, name: str) -> Path:
        """Return the volume's directory, which may exist: then it is left as it is."""
        path = self.get_path(name)
        try:
            path.mkdir()
        except FileExistsError:
            if path.is_symlink() or not path.is_dir():
                raise
            return path
        path.chmod(_VOLUME_MODE)
        self._sync()
        return path

    def delete(self, name: str) -> None:
        """Delete the volume's directory with its content, if it exists."""
        path = self.get_path(name)
        if path.is_symlink() or path.exists():
            remove_tree(path)
            self._sync()

    def remove_unused(self, names: Collection[str]) -> list[str]:
        """Remove empty directories of volumes other than these, and return their names.

        One is left if the program ended after it made a directory and before it made the volume. One with
        content belonged to a volume that was kept, and stays.
        """
        removed = []
        for path in sorted(self.folder.iterdir()):
            if is_volume_name(path.name) and path.name not in names and path.is_dir():
                try:
                    path.rmdir()
                except OSError:
                    continue
                removed.append(path.name)
        return removed

    def describe_problem(self) -> str | None:
        """Why no volume can be made, None if all is well."""
        if not self.folder.is_dir():
            return f"{self.folder} is not a directory"
        return None if os.access(self.folder, os.W_OK | os.X_OK) else f"{self.folder} is not writable"

    def _sync(self) -> None:
        """Sync the folder: a power cut must not undo what the API knows."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
