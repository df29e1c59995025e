"""Writes a set of files so that readers see all old or all new ones (pkg/volume/util AtomicWriter).

``DIR/..data`` is a link to a folder with the content. One rename replaces it. ``DIR/NAME`` links
through it.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_DATA: Final = "..data"
_NEW: Final = "..data_tmp"


@dataclass(frozen=True, slots=True)
class Projection:
    """A file. ``mode``: permission bits. ``owner``: a user id, None for root."""

    data: bytes
    mode: int
    owner: int | None = None


def write(folder: Path, files: Mapping[str, Projection], *, group: int | None = None) -> bool:
    """Make these the files of ``folder``, by relative path. True if something changed."""
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / _DATA
    old = link.resolve() if link.is_symlink() else None
    if old is not None and old.is_dir() and _is_same(old, files):
        return False
    stamp = time.strftime("..%Y_%m_%d_%H_%M_%S.", time.gmtime())
    fresh = Path(tempfile.mkdtemp(prefix=stamp, dir=folder))
    fresh.chmod(0o755)
    _set_owner(fresh, None, group)
    for name, projection in files.items():
        file = fresh / name
        for parent in reversed(file.relative_to(fresh).parents[:-1]):
            (fresh / parent).mkdir(exist_ok=True)
            (fresh / parent).chmod(0o755)
        file.write_bytes(projection.data)
        mode = projection.mode
        if group is not None:
            mode |= (mode >> 3) & 0o040 | 0o040
        file.chmod(mode)
        _set_owner(file, projection.owner, group)
    new = folder / _NEW
    new.unlink(missing_ok=True)
    new.symlink_to(fresh.name)
    new.rename(link)
    tops = {name.split("/", 1)[0] for name in files}
    for top in tops:
        visible = folder / top
        if not visible.is_symlink():
            visible.symlink_to(f"{_DATA}/{top}")
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and entry.name not in tops and entry.is_symlink():
            entry.unlink()
    if old is not None and old != fresh and old.parent == folder.resolve():
        shutil.rmtree(old, ignore_errors=True)
    return True


def _set_owner(path: Path, owner: int | None, group: int | None) -> None:
    if owner is not None or group is not None:
        os.chown(path, -1 if owner is None else owner, -1 if group is None else group)


def _is_same(old: Path, files: Mapping[str, Projection]) -> bool:
    found = {str(path.relative_to(old)) for path in old.rglob("*") if path.is_file()}
    return found == set(files) and all(
        (old / name).read_bytes() == projection.data for name, projection in files.items()
    )
