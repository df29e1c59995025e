"""Writes a set of files so that readers see all old or all new ones (pkg/volume/util AtomicWriter).

`DIR/..data` is a link to a folder with the content. One rename replaces it. `DIR/NAME` links
through it. A container may have the folder: nothing here follows a link that it could have made.
"""

import contextlib
import errno
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from kprov.kube.component_helpers.directory import Directory
from kprov.kube.component_helpers.tree_removal import remove_entry

_DATA: Final = "..data"
_NEW: Final = "..data_tmp"
_FOLDER_MODE: Final = 0o755
#: More levels than a path of a key can name.
_MOST_LEVELS: Final = 256
#: What the group of a pod may do with files and folders that containers cannot write.
_GROUP_FILE: Final = 0o440
_GROUP_FOLDER: Final = stat.S_ISGID | 0o110 | _GROUP_FILE


@dataclass(frozen=True, slots=True)
class Projection:
    """A file. `mode`: permission bits. `owner`: a user id, None for root."""

    data: bytes
    mode: int
    owner: int | None = None


def write(folder: Directory, files: Mapping[str, Projection], *, group: int | None = None) -> bool:
    """Make these the files of `folder`, by relative path. True if something changed."""
    old = _find_old(folder)
    changed = old is None or not _is_same(folder, old, files)
    if changed:
        fresh = _write_fresh(folder, files, group)
        folder.unlink(_NEW)
        folder.create_link(_NEW, fresh)
        folder.rename(_NEW, _DATA)
    # Links may be missing: the kubelet ended before it made them.
    _link_entries(folder, {name.split("/", 1)[0] for name in files})
    if changed and old is not None:
        with contextlib.suppress(OSError):
            remove_entry(folder, old)
    return changed


def set_permissions(folder: Directory, group: int | None) -> None:
    """Only root writes to the folder. The pod's group may read it."""
    folder.set_owner(None, group)
    folder.set_mode(_FOLDER_MODE if group is None else _FOLDER_MODE | _GROUP_FOLDER)


def _find_old(folder: Directory) -> str | None:
    """Return the name of the folder with the present content."""
    name = folder.read_link(_DATA)
    if name is None or "/" in name or not name.startswith("..") or name == "..":
        return None
    status = folder.get_status(name)
    return name if status is not None and stat.S_ISDIR(status.st_mode) else None


def _write_fresh(folder: Directory, files: Mapping[str, Projection], group: int | None) -> str:
    """Write the files to a new folder and return its name."""
    stamp = time.strftime("..%Y_%m_%d_%H_%M_%S.", time.gmtime())
    fresh_name = stamp + secrets.token_hex(5)
    with folder.create_directory(fresh_name, _FOLDER_MODE) as fresh:
        set_permissions(fresh, group)
        for name, projection in files.items():
            above, _, last = name.rpartition("/")
            with _make_parents(fresh, above, group) as parent:
                mode = projection.mode if group is None else projection.mode | _GROUP_FILE
                parent.create_file(last, projection.data, mode, owner=projection.owner, group=group)
    return fresh_name


def _make_parents(fresh: Directory, path: str, group: int | None) -> Directory:
    current = fresh.open_directory(".")
    for name in path.split("/") if path else []:
        with current as parent:
            current = parent.make_directory(name, _FOLDER_MODE)
            set_permissions(current, group)
    return current


def _link_entries(folder: Directory, tops: set[str]) -> None:
    """Make the visible entries, which link through the content's link. Delete those of old files."""
    for name in tops:
        status = folder.get_status(name)
        if status is None or not stat.S_ISLNK(status.st_mode):
            with contextlib.suppress(FileExistsError):
                folder.create_link(name, f"{_DATA}/{name}")
    for name in folder.list_names():
        if not name.startswith("..") and name not in tops and folder.read_link(name) is not None:
            folder.unlink(name)


def _is_same(folder: Directory, old: str, files: Mapping[str, Projection]) -> bool:
    try:
        with folder.open_directory(old) as content:
            return set(_list_files(content)) == set(files) and all(
                content.read_file(name) == projection.data for name, projection in files.items()
            )
    except OSError as error:
        # A container that could write here has exchanged something: write all again.
        if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.EINVAL}:
            return False
        raise


def _list_files(content: Directory, above: str = "") -> Iterator[str]:
    if above.count("/") > _MOST_LEVELS:
        raise OSError(errno.ELOOP, "too many levels", above)
    for name in content.list_names():
        status = content.get_status(name)
        if status is not None and stat.S_ISDIR(status.st_mode):
            with content.open_directory(name) as child:
                yield from _list_files(child, f"{above}{name}/")
        else:
            yield f"{above}{name}"
