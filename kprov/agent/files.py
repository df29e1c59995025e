# Paths are used as the texts they arrive as.
# ruff: noqa: PTH101, PTH104, PTH108, PTH114, PTH116, PTH120
"""Files written whole or not at all, their attributes, and differences for people."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import re
import shutil
import stat
import tempfile
import time
from typing import Any

from kprov.agent import process
from kprov.agent.context import ModuleError, truth

_DIFF_LIMIT = 104448


def sha1(path: str) -> str | None:
    """SHA-1 of a file, which Ansible calls its checksum; None when there is none."""
    return _digest(path, "sha1")


def sha256(path: str) -> str | None:
    return _digest(path, "sha256")


def _digest(path: str, algorithm: str) -> str | None:
    digest = hashlib.new(algorithm)
    try:
        with open(path, "rb") as file:
            for part in iter(lambda: file.read(1 << 20), b""):
                digest.update(part)
    except OSError:
        return None
    return digest.hexdigest()


def parse_mode(mode: Any, current: int, *, directory: bool = False) -> int:
    """A mode as Ansible writes it: "0644", 420, or "u=rw,g+r,o="."""
    if isinstance(mode, int):
        return mode
    text = str(mode)
    if re.fullmatch(r"[0-7]{1,5}", text):
        return int(text, 8)
    for clause in text.split(","):
        found = re.fullmatch(r"([ugoa]*)([-+=])([rwxXst]*)", clause)
        if not found:
            raise ModuleError(f"mode {mode!r} is neither octal nor symbolic")
        who, action, letters = found.groups()
        for person in "ugo" if who in ("", "a") else who:
            shift = {"u": 6, "g": 3, "o": 0}[person]
            bits = sum({"r": 4, "w": 2, "x": 1}.get(letter, 0) for letter in set(letters))
            if "X" in letters and (directory or current & 0o111):
                bits |= 1
            value = bits << shift
            special = {"u": stat.S_ISUID, "g": stat.S_ISGID, "o": 0}[person] if "s" in letters else 0
            if "t" in letters:
                special |= stat.S_ISVTX
            if action == "+":
                current |= value | special
            elif action == "-":
                current &= ~(value | special)
            else:
                current = (current & ~(7 << shift)) | value | special
    return current


def owner_id(owner: Any) -> int:
    if isinstance(owner, int) or str(owner).isdigit():
        return int(owner)
    try:
        return pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise ModuleError(f"chown failed: failed to look up user {owner}") from None


def group_id(group: Any) -> int:
    if isinstance(group, int) or str(group).isdigit():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ModuleError(f"chgrp failed: failed to look up group {group}") from None


def set_attributes(path: str, args: dict[str, Any], *, check: bool, follow: bool = True) -> bool:
    """Bring owner, group and mode to what the arguments say; whether something was (or would be) changed."""
    try:
        now = os.stat(path) if follow else os.lstat(path)
    except OSError:
        return bool(check)
    changed = False
    uid = owner_id(args["owner"]) if args.get("owner") is not None else -1
    gid = group_id(args["group"]) if args.get("group") is not None else -1
    if (uid not in (-1, now.st_uid)) or (gid not in (-1, now.st_gid)):
        changed = True
        if not check:
            os.chown(path, uid, gid, follow_symlinks=follow)
    if args.get("mode") not in (None, "preserve") and not stat.S_ISLNK(now.st_mode):
        current = stat.S_IMODE(now.st_mode)
        wanted = parse_mode(args["mode"], current, directory=stat.S_ISDIR(now.st_mode))
        if wanted != current:
            changed = True
        if not check and (wanted != current or uid != -1):
            os.chmod(path, wanted)
    return changed


def describe(path: str) -> dict[str, Any]:
    """owner, group, mode, size, state, uid, gid of a path, as Ansible's file results have them."""
    try:
        now = os.lstat(path)
    except OSError:
        return {"path": path, "state": "absent"}
    kind = "link" if stat.S_ISLNK(now.st_mode) else "directory" if stat.S_ISDIR(now.st_mode) else "file"
    return {
        "owner": name_of(pwd.getpwuid, now.st_uid),
        "group": name_of(grp.getgrgid, now.st_gid),
        "uid": now.st_uid,
        "gid": now.st_gid,
        "mode": f"{stat.S_IMODE(now.st_mode):04o}",
        "size": now.st_size,
        "state": kind,
    }


def name_of(look: Any, number: int) -> str:
    try:
        return str(look(number)[0])
    except KeyError:
        return str(number)


def backup(path: str) -> str:
    """Copy a file beside itself with the time in its name."""
    target = f"{path}.{os.getpid()}.{time.strftime('%Y-%m-%d@%H:%M:%S~')}"
    shutil.copy2(path, target)
    return target


def replace(source: str, dest: str, args: dict[str, Any]) -> None:
    """Put a temporary file in the place of `dest`, durably; it is removed when that fails.

    Attributes of an existing file are kept, a new one has 0666 without the umask, both unless args say more.
    """
    try:
        if args.get("validate"):
            validate(args["validate"], source)
        try:
            now: os.stat_result | None = os.stat(dest)
        except OSError:
            now = None
        if now is None:
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(source, 0o666 & ~umask if args.get("mode") in (None, "preserve") else 0o600)
        else:
            os.chown(source, now.st_uid, now.st_gid)
            os.chmod(source, stat.S_IMODE(now.st_mode))
        set_attributes(source, args, check=False)
        with open(source, "rb") as file:
            os.fsync(file.fileno())
        target = (
            os.path.realpath(dest)
            if os.path.islink(dest) and truth(args.get("follow"), default=True)
            else dest
        )
        try:
            os.rename(source, target)
        except OSError:
            if not truth(args.get("unsafe_writes")):
                raise
            with open(source, "rb") as new, open(target, "wb") as old:
                shutil.copyfileobj(new, old)
                old.flush()
                os.fsync(old.fileno())
        sync_folder(os.path.dirname(target) or ".")
    finally:
        if os.path.lexists(source):
            os.unlink(source)


def sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(dest: str, content: bytes, args: dict[str, Any]) -> None:
    """Write a content to a path, whole or not at all."""
    folder = os.path.dirname(os.path.realpath(dest)) or "."
    handle, path = tempfile.mkstemp(prefix=".kprov-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError:
        os.unlink(path)
        raise
    replace(path, dest, args)


def validate(command: str, path: str) -> None:
    """Let a program judge a file before it takes its place; %s is its path."""
    import shlex

    if "%s" not in command:
        raise ModuleError(f"validate must contain %s: {command}")
    code, out, err = process.run(shlex.split(command.replace("%s", shlex.quote(path))))
    if code:
        raise ModuleError("failed to validate", exit_status=code, stdout=out, stderr=err)


def read_text(path: str) -> str:
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "surrogateescape")


def difference(path: str, before: bytes, after: bytes) -> dict[str, Any]:
    """Before and after for --diff; long or binary contents are only named."""
    for name, data in (("src", before), ("dst", after)):
        if b"\0" in data[:1024]:
            return {f"{name}_binary": 1}
        if len(data) > _DIFF_LIMIT:
            return {f"{name}_larger": _DIFF_LIMIT}
    return {
        "before_header": path,
        "after_header": path,
        "before": before.decode("utf-8", "replace"),
        "after": after.decode("utf-8", "replace"),
    }
