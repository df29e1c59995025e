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


def read_facts(status: os.stat_result) -> dict[str, Any]:
    """Return mode, kind, ids, size, times and permissions."""
    mode = status.st_mode
    facts: dict[str, Any] = {"mode": f"{stat.S_IMODE(mode):04o}"}
    facts.update({name: test(mode) for name, test in _KINDS.items()})
    facts.update(
        uid=status.st_uid, gid=status.st_gid, size=status.st_size, inode=status.st_ino, dev=status.st_dev,
        nlink=status.st_nlink, atime=status.st_atime, mtime=status.st_mtime, ctime=status.st_ctime,
    )  # fmt: skip
    facts.update({name: bool(mode & bit) for name, bit in _RIGHTS.items()})
    return facts


def read_owners(status: os.stat_result) -> dict[str, str]:
    """Return pw_name and gr_name, if the ids have names."""
    names = {}
    with contextlib.suppress(KeyError):
        names["pw_name"] = pwd.getpwuid(status.st_uid).pw_name
    with contextlib.suppress(KeyError):
        names["gr_name"] = grp.getgrgid(status.st_gid).gr_name
    return names
