"""Reads paths, and writes files atomically.

Modules read paths only with the functions of the first half, so that check mode can
replace what they return.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import stat as bits
import time
from typing import Any, Callable, Iterator

from kprov.agent import checksums, process, temporary_files
from kprov.agent.context import ModuleError, parse_boolean
from kprov.agent.files import modes
from kprov.agent.files.attributes import group_id, name_of, owner_id, set_attributes
from kprov.agent.files.modes import parse_mode

__all__ = ["group_id", "name_of", "owner_id", "parse_mode", "set_attributes"]

#: Size above which a diff does not show a file (Ansible's MAX_FILE_SIZE_FOR_DIFF).
DIFF_LIMIT = 104448
#: Errors of a rename after which unsafe_writes writes in place.
_UNRENAMED = (errno.EPERM, errno.EXDEV, errno.EACCES, errno.ETXTBSY, errno.EBUSY)


def lstat(path: str) -> os.stat_result | None:
    """Return the stat result of a path without following links, or None."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def stat(path: str) -> os.stat_result | None:
    """Return the stat result of a path, following links, or None."""
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def exists(path: str) -> bool:
    return os.path.exists(path)


def is_folder(path: str) -> bool:
    return os.path.isdir(path)


def is_file(path: str) -> bool:
    return os.path.isfile(path)


def is_link(path: str) -> bool:
    return os.path.islink(path)


def link_target(path: str) -> str:
    """Return the text of a link."""
    return os.readlink(path)


def expand_glob(pattern: str, folder: str | None) -> list[str]:
    """Return the paths that match a shell pattern, relative to a folder."""
    import glob

    return glob.glob(os.path.join(folder or "", pattern))


def walk(
    path: str, *, links: bool = False, onerror: Callable[[OSError], None] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield the folders below a path, each with the names of its folders and of its other entries."""
    return os.walk(path, onerror=onerror, followlinks=links)


def list_names(path: str) -> list[str]:
    """Return the sorted names in a folder."""
    return sorted(os.listdir(path))


def path_state(path: str) -> str:
    """Return Ansible's state: absent, link, directory, hard (a file with several names) or file."""
    status = lstat(path)
    if status is None:
        return "absent"
    if bits.S_ISLNK(status.st_mode):
        return "link"
    if bits.S_ISDIR(status.st_mode):
        return "directory"
    return "hard" if status.st_nlink > 1 else "file"


def read_bytes(path: str) -> bytes:
    """Read a file."""
    with open(path, "rb") as file:
        return file.read()


def read_for_diff(path: str) -> bytes | None:
    """Read a file for a diff, at most one byte more than DIFF_LIMIT; None without a file."""
    if not is_file(path):
        return None
    with open(path, "rb") as file:
        return file.read(DIFF_LIMIT + 1)


def read_text(path: str) -> str:
    """Read a file as text; invalid bytes survive a round trip."""
    return read_bytes(path).decode("utf-8", "surrogateescape")


def hash_file(path: str, algorithm: str) -> str | None:
    """Return the hash of a file; None if it cannot be read."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            return checksums.hash_parts([algorithm], iter(lambda: file.read(1 << 20), b""), size)[algorithm]
    except OSError:
        return None


def sha1(path: str) -> str | None:
    """Return the SHA-1 of a file, which Ansible calls its checksum; None if it cannot be read."""
    return hash_file(path, "sha1")


def sha256(path: str) -> str | None:
    return hash_file(path, "sha256")


def path_info(path: str) -> dict[str, Any]:
    """Return uid, gid, owner, group, mode, state and size, which Ansible adds to results with a path."""
    status = lstat(path)
    if status is None or not exists(path):
        return {}
    return {
        "uid": status.st_uid,
        "gid": status.st_gid,
        "owner": name_of(pwd.getpwuid, status.st_uid),
        "group": name_of(grp.getgrgid, status.st_gid),
        "mode": modes.format_mode(bits.S_IMODE(status.st_mode)),
        "state": path_state(path),
        "size": status.st_size,
    }


def content_difference(
    path: str, before: bytes | None, after: bytes, source: str | None = None
) -> dict[str, Any]:
    """Return "before" (None: no file) and "after" for --diff; long or binary contents are not shown.

    `source` is the header of the new content; the default is the path.
    """
    diff: dict[str, Any] = {"before": ""} if before is None else {}
    for name, side, header, data in (
        ("before", "dst", path, before),
        ("after", "src", source or path, after),
    ):
        if data is None:
            continue
        larger = len(data) > DIFF_LIMIT
        if b"\0" in data[:8192] and not (larger and side == "src"):
            diff[f"{side}_binary"] = 1
        elif larger:
            diff[f"{side}_larger"] = DIFF_LIMIT
        else:
            diff[f"{name}_header"] = header
            diff[name] = data.decode("utf-8", "surrogateescape")
    return diff


def text_difference(path: str, before: bytes, after: bytes) -> dict[str, Any]:
    """Return the diff of modules that edit files."""
    header = f"{path} (content)"
    return {
        "before": before.decode("utf-8", "surrogateescape"),
        "after": after.decode("utf-8", "surrogateescape"),
        "before_header": header,
        "after_header": header,
    }


def make_backup(path: str) -> str:
    """Copy a file and its attributes to a new file beside it, with the time in its name."""
    number, timestamp = os.getpid(), time.strftime("%Y-%m-%d@%H:%M:%S~")
    while os.path.lexists(f"{path}.{number}.{timestamp}"):
        number += 1  # There may be several backups within a second.
    target = f"{path}.{number}.{timestamp}"
    copy_file(path, target, os.path.dirname(target))
    return target


def copy_file(source: str, target: str, folder: str) -> None:
    """Copy a file of this host durably with its owner, mode and times."""
    aside = make_temporary_copy(source, folder)
    try:
        status = os.stat(source)
        with contextlib.suppress(PermissionError):
            os.chown(aside, status.st_uid, status.st_gid)
        sync_file(aside)
        os.rename(aside, target)
        sync_folder(folder or ".")
    finally:
        if os.path.lexists(aside):
            os.unlink(aside)


def make_temporary_copy(source: str, folder: str, suffix: str = "") -> str:
    """Make a temporary file in a folder with the content, mode and times of a file of this host."""
    import shutil

    aside = make_temporary(folder, suffix)
    try:
        shutil.copyfile(source, aside)
        shutil.copystat(source, aside)
    except OSError:
        os.unlink(aside)
        raise
    return aside


def replace_with_link(target: str, path: str) -> None:
    """Replace a path by a symbolic link."""
    aside = temporary_files.make_name(os.path.dirname(path) or ".")
    os.symlink(target, aside)
    try:
        os.rename(aside, path)
    except OSError:
        os.unlink(aside)
        raise
    sync_folder(os.path.dirname(path) or ".")


def make_temporary(folder: str, suffix: str = "") -> str:
    """Make an empty private file in a folder."""
    handle, path = temporary_files.make_file(folder or ".", suffix)
    os.close(handle)
    return path


def replace_file(source: str, dest: str, args: dict[str, Any], *, keep: bool = True) -> None:
    """Replace `dest` durably by a temporary file, which no longer exists afterwards.

    A new file gets mode 0666 without the umask's bits. With `keep`, it gets owner, mode and extended
    attributes of the replaced file. Arguments have precedence. Links are followed unless `follow` is false.
    """
    target = os.path.realpath(dest) if parse_boolean(args.get("follow"), default=True) else dest
    try:
        _copy_attributes(source, target, args, keep=keep)
        check_valid(args.get("validate"), source)
        sync_file(source)
        try:
            os.rename(source, target)
        except OSError as error:
            if not parse_boolean(args.get("unsafe_writes")) or error.errno not in _UNRENAMED:
                raise
            import shutil

            with open(source, "rb") as new, open(target, "wb") as old:
                shutil.copyfileobj(new, old)
                old.flush()
                os.fsync(old.fileno())
        sync_folder(os.path.dirname(target) or ".")
    finally:
        if os.path.lexists(source):
            os.unlink(source)
    if args.get("attributes") is not None:
        set_attributes(target, {"attributes": args["attributes"]}, check=False)


def _copy_attributes(source: str, target: str, args: dict[str, Any], *, keep: bool) -> None:
    status = None if is_link(target) else stat(target)
    base = 0o666 & ~modes.read_umask()
    if status is not None and keep:
        base = bits.S_IMODE(status.st_mode)
        import shutil

        with contextlib.suppress(PermissionError):
            os.chown(source, status.st_uid, status.st_gid)
            shutil.copystat(target, source)
            os.utime(source)
    elif status is not None:
        base = bits.S_IMODE(os.stat(source).st_mode)
    if args.get("mode") not in (None, "preserve"):
        base = parse_mode(args["mode"], base)
    set_attributes(
        source, {"owner": args.get("owner"), "group": args.get("group"), "mode": base}, check=False
    )


def sync_file(path: str) -> None:
    """Wait until a file's content is on the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: str) -> None:
    """Wait until the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(dest: str, content: bytes, args: dict[str, Any]) -> None:
    """Write a content to a path atomically."""
    target = os.path.realpath(dest) if parse_boolean(args.get("follow"), default=True) else dest
    try:
        path = make_temporary(os.path.dirname(target))
    except OSError as error:
        if not parse_boolean(args.get("unsafe_writes")):
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            text = (
                f"The destination directory {os.path.dirname(target)!r} is not writable by the current user"
            )
            raise ModuleError(f"{text}: {error.strerror}") from None
        import tempfile

        path = make_temporary(tempfile.gettempdir())
    try:
        with open(path, "wb") as file:
            file.write(content)
    except OSError:
        os.unlink(path)
        raise
    replace_file(path, dest, args)


def run_validator(command: str, path: str) -> tuple[int, str, str]:
    """Run a program that validates a file (%s is its path); return exit code, output and errors.

    The errors end with the signal's name if a signal killed the program.
    """
    if "%s" not in command:
        raise ModuleError(f"validate must contain %s: {command}")
    import shlex

    line = [os.path.expanduser(os.path.expandvars(word)) for word in shlex.split(command % path)]
    code, out, err = process.run_program(line)
    killed = process.describe_signal(line[0], code)
    return code, out, f"{err}{killed}" if killed else err


def check_valid(command: str | None, path: str) -> None:
    """Reject a file that its validation program rejects."""
    if command:
        code, _, err = run_validator(command, path)
        if code:
            raise ModuleError(f"failed to validate: rc:{code} error:{err}")
