"""The bundle's archive: the same tree gives the same bytes."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

LEVEL = 1  # stronger compression takes longer than the transfer to the hosts


def pack_tree(tree: Path, archive: Path) -> None:
    """Write `tree` as a .tar.gz, sorted, without owners and times."""
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in sorted(tree.rglob("*")):
            member = tar.gettarinfo(path, str(path.relative_to(tree)))
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = "root"
            executable = path.is_dir() or member.mode & 0o100
            member.mode = 0o755 if executable else 0o644
            if member.isreg():
                with path.open("rb") as file:
                    tar.addfile(member, file)
            else:
                tar.addfile(member)
