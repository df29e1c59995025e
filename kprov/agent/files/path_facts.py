"""Facts about paths for stat and find, under Ansible's names."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from typing import Any

_RIGHTS = {
    "wusr": stat.S_IWUSR, "rusr": stat.S_IRUSR, "xusr": stat.S_IXUSR,
    "wgrp": stat.S_IWGRP, "rgrp": stat.S_IRGRP, "xgrp": stat.S_IXGRP,
    "woth": stat.S_IWOTH, "roth": stat.S_IROTH, "xoth": stat.S_IXOTH,
    "isuid": stat.S_ISUID, "isgid": stat.S_ISGID,
}  # fmt: skip
_KINDS = {
    "isdir": stat.S_ISDIR, "ischr": stat.S_ISCHR, "isblk": stat.S_ISBLK, "isreg": stat.S_ISREG,
    "isfifo": stat.S_ISFIFO, "islnk": stat.S_ISLNK, "issock": stat.S_ISSOCK,
}  # fmt: skip


def read_facts(now: os.stat_result) -> dict[str, Any]:
    """Return mode, kind, ids, size, times and permissions."""
    mode = now.st_mode
    found: dict[str, Any] = {"mode": f"{stat.S_IMODE(mode):04o}"}
    found.update({name: test(mode) for name, test in _KINDS.items()})
    found.update(
        uid=now.st_uid, gid=now.st_gid, size=now.st_size, inode=now.st_ino, dev=now.st_dev,
        nlink=now.st_nlink, atime=now.st_atime, mtime=now.st_mtime, ctime=now.st_ctime,
    )  # fmt: skip
    found.update({name: bool(mode & bit) for name, bit in _RIGHTS.items()})
    return found


def read_owners(now: os.stat_result) -> dict[str, str]:
    """Return pw_name and gr_name, if the ids have names."""
    found = {}
    with contextlib.suppress(KeyError):
        found["pw_name"] = pwd.getpwuid(now.st_uid).pw_name
    with contextlib.suppress(KeyError):
        found["gr_name"] = grp.getgrgid(now.st_gid).gr_name
    return found
