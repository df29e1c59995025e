"""Work in a directory that others may write to: by its descriptor, and without following links.

A pod may replace any entry of its volumes by a link at any time. A path name would then lead root out of the
volume. So every call here names an entry relative to an open directory, and a link in the way is an error.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OPENAT2: Final = 437  # the same number on all architectures
_NO_MAGIC_LINKS, _NO_LINKS, _BENEATH = 0x02, 0x04, 0x08
#: Kernels before 5.6 do not have openat2. Filters of system calls from before that time refuse it.
_MISSING: Final = frozenset({errno.ENOSYS, errno.EPERM})

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class Directory:
    """An open directory. Paths are relative to it, "." is the directory itself. All calls raise OSError."""

    def __init__(self, descriptor: int) -> None:
        """Take over the descriptor: the caller does not close it."""
        self.descriptor = descriptor

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a directory whose path only root can change. Links in it are followed."""
        return cls(os.open(path, _DIRECTORY & ~os.O_NOFOLLOW))

    def close(self) -> None:
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> str:
        """A path that the kernel resolves to this directory, wherever it was moved."""
        return f"/proc/self/fd/{self.descriptor}"

    # Directories.

    def open_directory(self, path: str) -> Directory:
        return Directory(open_beneath(self.descriptor, path, _DIRECTORY))

    def make_directory(self, path: str, mode: int) -> Directory:
        """Open a directory. Create it, and what is missing above it, with this mode whatever the umask is."""
        current = self.open_directory(".")
        for name in _split(path):
            parent = current
            with parent:
                current = parent._open_or_create(name, mode)  # noqa: SLF001
        return current

    def _open_or_create(self, name: str, mode: int) -> Directory:
        with contextlib.suppress(FileNotFoundError):
            return self.open_directory(name)
        with contextlib.suppress(FileExistsError):
            return self.create_directory(name, mode)
        return self.open_directory(name)

    def create_directory(self, name: str, mode: int) -> Directory:
        """Create a directory that does not exist and open it."""
        os.mkdir(_check_name(name), 0o700, dir_fd=self.descriptor)
        child = self.open_directory(name)
        child.set_mode(mode)
        return child

    def set_mode(self, mode: int) -> None:
        """Change the mode of the directory itself."""
        os.fchmod(self.descriptor, mode)

    def set_owner(self, owner: int | None, group: int | None) -> None:
        """Change the owner and the group of the directory itself. None keeps one."""
        _set_owner(self.descriptor, owner, group)

    def get_own_status(self) -> os.stat_result:
        return os.fstat(self.descriptor)

    # Entries.

    def list_names(self) -> list[str]:
        return os.listdir(self.descriptor)  # noqa: PTH208  pathlib takes no descriptor

    def get_status(self, path: str) -> os.stat_result | None:
        """Return the status of an entry, of a link itself. None if it does not exist."""
        with contextlib.suppress(FileNotFoundError), self._parent_of(path) as (parent, name):
            return os.stat(name, dir_fd=parent, follow_symlinks=False)
        return None

    def open_any(self, path: str) -> int:
        """Return an O_PATH descriptor of a file of any kind but a link. The caller closes it."""
        descriptor = open_beneath(self.descriptor, path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        if stat.S_ISLNK(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        return descriptor

    def open_file(self, path: str, flags: int = os.O_RDONLY) -> int:
        """Return a descriptor of a regular file that exists. The caller closes it."""
        descriptor = open_beneath(self.descriptor, path, flags | _FILE)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file", path)
        return descriptor

    def read_file(self, path: str) -> bytes:
        with open(self.open_file(path), "rb") as file:
            return file.read()

    def create_file(
        self, path: str, data: bytes, mode: int, *, owner: int | None = None, group: int | None = None
    ) -> None:
        """Write a file that does not exist. Nobody can read it before it has its owner and mode."""
        descriptor = open_beneath(
            self.descriptor, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, mode=0o600
        )
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            _set_owner(descriptor, owner, group)
            os.fchmod(descriptor, mode)

    def rewrite_file(self, path: str, data: bytes, mode: int) -> None:
        """Write a file, in place if it exists: containers that mount it see the new content."""
        try:
            descriptor = self.open_file(path, os.O_WRONLY)
        except FileNotFoundError:
            self.create_file(path, data, mode)
            return
        with open(descriptor, "wb") as file:
            os.ftruncate(descriptor, 0)
            file.write(data)
            os.fchmod(descriptor, mode)

    def replace_file(self, name: str, data: bytes, mode: int) -> None:
        """Write a file so that after a power cut it has either its old or its new content."""
        new = f".{_check_name(name)}.new"
        self.unlink(new)
        self.create_file(new, data, mode)
        with open(self.open_file(new), "rb") as file:
            os.fsync(file.fileno())
        self.rename(new, name)
        os.fsync(self.descriptor)

    def read_link(self, name: str) -> str | None:
        """Where a link points to. None if the entry is missing or no link."""
        try:
            return os.readlink(_check_name(name), dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.EINVAL}:
                return None
            raise

    def create_link(self, name: str, target: str) -> None:
        os.symlink(target, _check_name(name), dir_fd=self.descriptor)

    def rename(self, old: str, new: str) -> None:
        """Rename an entry within the directory."""
        names = _check_name(old), _check_name(new)
        os.rename(*names, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def unlink(self, path: str) -> None:
        """Delete a file or a link, if it exists."""
        with contextlib.suppress(FileNotFoundError), self._parent_of(path) as (parent, name):
            os.unlink(name, dir_fd=parent)

    def remove_directory(self, path: str) -> None:
        """Delete an empty directory."""
        with self._parent_of(path) as (parent, name):
            os.rmdir(name, dir_fd=parent)

    @contextlib.contextmanager
    def _parent_of(self, path: str) -> Iterator[tuple[int, str]]:
        above, _, name = path.rpartition("/")
        with self.open_directory(above or ".") as parent:
            yield parent.descriptor, _check_name(name)


def open_beneath(directory: int, path: str, flags: int, *, mode: int = 0) -> int:
    """Open a path below a directory. ELOOP: a part of it is a link. `flags` has O_NOFOLLOW."""
    names = _split(path)
    try:
        return _open_in_kernel(directory, "/".join(names) or ".", flags, mode)
    except OSError as error:
        if error.errno not in _MISSING:
            raise
    return open_by_walk(directory, path, flags, mode=mode)


def open_by_walk(directory: int, path: str, flags: int, *, mode: int = 0) -> int:
    """Open a path component by component, as `open_beneath` does without the help of the kernel."""
    names = _split(path)
    current = os.open(".", _DIRECTORY, dir_fd=directory)
    try:
        for name in names[:-1]:
            child = os.open(name, _DIRECTORY, dir_fd=current)
            os.close(current)
            current = child
        return os.open(names[-1] if names else ".", flags, mode, dir_fd=current)
    finally:
        os.close(current)


def _open_in_kernel(directory: int, path: str, flags: int, mode: int) -> int:
    resolve = _BENEATH | _NO_LINKS | _NO_MAGIC_LINKS
    how = _OpenHow(flags=flags, mode=mode, resolve=resolve)
    size = ctypes.c_size_t(ctypes.sizeof(how))
    number = ctypes.c_long(_OPENAT2)
    descriptor = _libc.syscall(number, ctypes.c_int(directory), os.fsencode(path), ctypes.byref(how), size)
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return int(descriptor)


def _split(path: str) -> list[str]:
    return [_check_name(part) for part in path.split("/") if part not in {"", "."}]


def _check_name(name: str) -> str:
    if name in {"", ".", ".."} or "/" in name:
        raise OSError(errno.EINVAL, "not the name of an entry", name)
    return name


def _set_owner(descriptor: int, owner: int | None, group: int | None) -> None:
    if owner is not None or group is not None:
        os.fchown(descriptor, -1 if owner is None else owner, -1 if group is None else group)
