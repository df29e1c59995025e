# Paths are used as the texts they arrive as.
# The signature is what callers expect.
# ruff: noqa: ARG001, PTH112, PTH116, PTH118
"""ansible.builtin.find."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import time
from typing import Any

from kprov.agent import files
from kprov.agent.context import Context, ModuleError, truth, words

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Files below paths that match patterns, type, age and size."""
    found: list[dict[str, Any]] = []
    skipped: dict[str, str] = {}
    examined = 0
    limit = int(args.get("limit") or 0)
    for top in map(os.path.expanduser, words(args.get("paths") or args.get("path") or args.get("name"))):
        if not os.path.isdir(top):
            skipped[top] = f"'{top}' is not a directory"
            continue
        for folder, folders, names in os.walk(top, followlinks=truth(args.get("follow"))):
            if not truth(args.get("hidden")):
                folders[:] = [name for name in folders if not name.startswith(".")]
            depth = folder[len(top.rstrip("/")) :].count("/") + 1
            for name in sorted(folders + names):
                examined += 1
                entry = _entry(os.path.join(folder, name), name, args)
                if entry and (not limit or len(found) < limit):
                    found.append(entry)
            if not truth(args.get("recurse")) or depth >= int(args.get("depth") or 1 << 30):
                break
    message = "All paths examined" if not skipped else "Not all paths examined, check warnings for details"
    return {
        "files": found,
        "matched": len(found),
        "examined": examined,
        "skipped_paths": skipped,
        "msg": message,
    }


def _entry(path: str, name: str, args: dict[str, Any]) -> dict[str, Any] | None:
    if name.startswith(".") and not truth(args.get("hidden")):
        return None
    if not _named(name, args):
        return None
    try:
        now = os.stat(path) if truth(args.get("follow")) else os.lstat(path)
    except OSError:
        return None
    kind = args.get("file_type", "file")
    tests = {"any": lambda _: True, "file": stat.S_ISREG, "directory": stat.S_ISDIR, "link": stat.S_ISLNK}
    if kind not in tests:
        raise ModuleError(f"value of file_type must be one of: {', '.join(tests)}, got: {kind}")
    if not tests[kind](now.st_mode) or not _aged(now, args) or not _sized(now, args):
        return None
    if args.get("contains") and not (stat.S_ISREG(now.st_mode) and _contains(path, args["contains"])):
        return None
    entry: dict[str, Any] = {
        "path": path, "mode": f"{stat.S_IMODE(now.st_mode):04o}", "uid": now.st_uid, "gid": now.st_gid,
        "size": now.st_size, "mtime": now.st_mtime, "atime": now.st_atime, "ctime": now.st_ctime,
        "inode": now.st_ino, "dev": now.st_dev, "nlink": now.st_nlink, "isdir": stat.S_ISDIR(now.st_mode),
        "isreg": stat.S_ISREG(now.st_mode), "islnk": stat.S_ISLNK(now.st_mode),
    }  # fmt: skip
    if truth(args.get("get_checksum")) and entry["isreg"]:
        entry["checksum"] = files.sha1(path)
    return entry


def _named(name: str, args: dict[str, Any]) -> bool:
    regex = truth(args.get("use_regex"))

    def hit(pattern: str) -> bool:
        return bool(re.match(pattern, name)) if regex else fnmatch.fnmatch(name, pattern)

    patterns = words(args.get("patterns") or args.get("pattern"))
    excludes = words(args.get("excludes") or args.get("exclude"))
    return (not patterns or any(map(hit, patterns))) and not any(map(hit, excludes))


def _measure(text: Any, units: dict[str, int]) -> int:
    found = re.fullmatch(r"(-?\d+)([a-z])?\w*", str(text).lower())
    if not found or (found[2] and found[2] not in units):
        raise ModuleError(f"failed to process {text!r}")
    return int(found[1]) * units.get(found[2] or "", 1)


def _aged(now: os.stat_result, args: dict[str, Any]) -> bool:
    if args.get("age") is None:
        return True
    age = _measure(args["age"], _UNITS)
    passed = time.time() - float(getattr(now, f"st_{args.get('age_stamp', 'mtime')}"))
    return passed >= age if age >= 0 else passed <= -age


def _sized(now: os.stat_result, args: dict[str, Any]) -> bool:
    if args.get("size") is None:
        return True
    size = _measure(args["size"], _SIZES)
    return now.st_size >= size if size >= 0 else now.st_size <= -size


def _contains(path: str, pattern: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return any(re.search(pattern, line) for line in file)
    except OSError:
        return False
