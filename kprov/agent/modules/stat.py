# Paths are used as the texts they arrive as.
# The signature is what callers expect.
# ruff: noqa: ARG001, PTH111, PTH115, PTH116
"""ansible.builtin.stat."""

from __future__ import annotations

import grp
import os
import pwd
import stat as bits
from typing import Any

from kprov.agent import files
from kprov.agent.context import Context, truth


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """`stat` with Ansible's names; `exists` false when there is nothing."""
    path = os.path.expanduser(args["path"])
    try:
        now = os.stat(path) if truth(args.get("follow")) else os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {"stat": {"exists": False}}
    mode = now.st_mode
    found: dict[str, Any] = {
        "exists": True,
        "path": path,
        "mode": f"{bits.S_IMODE(mode):04o}",
        "isdir": bits.S_ISDIR(mode),
        "isreg": bits.S_ISREG(mode),
        "islnk": bits.S_ISLNK(mode),
        "isblk": bits.S_ISBLK(mode),
        "ischr": bits.S_ISCHR(mode),
        "isfifo": bits.S_ISFIFO(mode),
        "issock": bits.S_ISSOCK(mode),
        "uid": now.st_uid,
        "gid": now.st_gid,
        "size": now.st_size,
        "inode": now.st_ino,
        "dev": now.st_dev,
        "nlink": now.st_nlink,
        "atime": now.st_atime,
        "mtime": now.st_mtime,
        "ctime": now.st_ctime,
        "pw_name": files.name_of(pwd.getpwuid, now.st_uid),
        "gr_name": files.name_of(grp.getgrgid, now.st_gid),
        "readable": os.access(path, os.R_OK),
        "writeable": os.access(path, os.W_OK),
        "executable": os.access(path, os.X_OK),
        "isuid": bool(mode & bits.S_ISUID),
        "isgid": bool(mode & bits.S_ISGID),
    }
    for letter, shift in (("u", 6), ("g", 3), ("o", 0)):
        for right, bit in (("r", 4), ("w", 2), ("x", 1)):
            found[{"u": f"{right}usr", "g": f"{right}grp", "o": f"{right}oth"}[letter]] = bool(
                mode >> shift & bit
            )
    if bits.S_ISLNK(mode):
        found["lnk_target"] = os.readlink(path)
        found["lnk_source"] = os.path.realpath(path)
    if bits.S_ISREG(mode) and truth(args.get("get_checksum"), default=True):
        algorithm = args.get("checksum_algorithm", "sha1")
        found["checksum"] = files._digest(path, algorithm)
    return {"stat": found}
