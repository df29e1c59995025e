"""Compares and extracts zip archives in Python (no unzip needed), for ansible.builtin.unarchive."""

from __future__ import annotations

import binascii
import fnmatch
import os
import shutil
import stat
import time
import zipfile
from typing import Any

from kprov.agent.context import ModuleError
from kprov.agent.files import modes, paths
from kprov.agent.files.attributes import group_id, owner_id

_UNIX = 3


class ZipArchive:
    """A zip archive and its destination."""

    handler = "ZipArchive"

    def __init__(self, src: str, dest: str, args: dict[str, Any]) -> None:
        self.src = src
        self.dest = dest
        self.args = args
        if args["extra_opts"]:
            raise ModuleError("extra_opts are options of tar; for a zip archive use include and exclude")
        self.archive = zipfile.ZipFile(src)
        self.members = [entry for entry in self.archive.infolist() if self._is_selected(entry.filename)]
        self.names = [entry.filename for entry in self.members]
        for name in self.names:
            path = os.path.normpath(os.path.join(dest, name))
            if not (path + "/").startswith(os.path.join(os.path.normpath(dest), "")):
                raise ModuleError(f"failed to unpack {src} to {dest}: {name} is outside of it")
        self._reject_members_behind_links()
        self._items: list[str] | None = None

    def _reject_members_behind_links(self) -> None:
        """Raise ModuleError for a member below a link of the archive: it would leave dest."""
        links = {os.path.normpath(entry.filename) for entry in self.members if _member_kind(entry) == "l"}
        for entry in self.members:
            path = os.path.normpath(entry.filename)
            parent = path if _member_kind(entry) == "d" else os.path.dirname(path)
            while parent and parent not in links:
                parent = os.path.dirname(parent)
            if parent:
                text = f"{entry.filename} is behind {parent}, which is a link in the archive"
                raise ModuleError(f"failed to unpack {self.src} to {self.dest}: {text}")

    def _is_selected(self, name: str) -> bool:
        if self.args["include"]:
            return any(fnmatch.fnmatch(name, pattern) for pattern in self.args["include"])
        return not any(fnmatch.fnmatch(name, pattern) for pattern in self.args["exclude"])

    def differs(self) -> bool:
        """Whether files on the host differ from the archive."""
        return bool(self.list_items())

    def diff(self) -> str:
        """Return the differences in the form of `rsync --itemize-changes`."""
        return "".join(item + "\n" for item in self.list_items())

    def list_items(self) -> list[str]:
        """Return a line for each member that differs."""
        if self._items is None:
            self._items = [item for item in map(self._compare_member, self.members) if item]
        return self._items

    def _compare_member(self, entry: zipfile.ZipInfo) -> str:
        kind = _member_kind(entry)
        path = os.path.join(self.dest, entry.filename)
        status = paths.lstat(path)
        letter = {"d": "d", "l": "L"}.get(kind, "f")
        if status is None:
            return f">{letter}++++++.?? {entry.filename}"
        tests = {"d": stat.S_ISDIR, "L": stat.S_ISLNK, "f": stat.S_ISREG}
        if not tests[letter](status.st_mode):
            return f"c{letter}++++++.?? {entry.filename}"
        marks = list(f".{letter}.......??")
        if letter == "f":
            member_time = _member_time(entry)
            if self.args["keep_newer"] and member_time < status.st_mtime:
                return ""
            if member_time != status.st_mtime:
                marks[4] = "t"
            if entry.file_size != status.st_size:
                marks[3] = "s"
            if _file_crc(path) != entry.CRC:
                marks[2] = "c"
        if letter != "L" and self._requested_mode(entry, status) != stat.S_IMODE(status.st_mode):
            marks[5] = "p"
        self._mark_owner(marks, status)
        text = "".join(marks)
        return "" if text == f".{letter}.......??" else f"{text} {entry.filename}"

    def _mark_owner(self, marks: list[str], status: os.stat_result) -> None:
        uid = os.geteuid() if self.args.get("owner") is None else owner_id(self.args["owner"])
        gid = os.getegid() if self.args.get("group") is None else group_id(self.args["group"])
        if uid != status.st_uid:
            marks[6] = "o"
        if gid != status.st_gid:
            marks[6] = "g"

    def _requested_mode(self, entry: zipfile.ZipInfo, status: os.stat_result) -> int:
        if self.args.get("mode") is not None:
            return modes.parse_mode(
                self.args["mode"], stat.S_IMODE(status.st_mode), directory=stat.S_ISDIR(status.st_mode)
            )
        return _archived_mode(entry)

    def extract(self) -> dict[str, Any]:
        """Extract the archive; replace each file atomically."""
        for entry in self.members:
            path = os.path.join(self.dest, entry.filename)
            kind = _member_kind(entry)
            if kind == "d":
                os.makedirs(path, exist_ok=True)
                os.chmod(path, _archived_mode(entry))
                continue
            status = paths.lstat(path)
            if self.args["keep_newer"] and status is not None and _member_time(entry) < status.st_mtime:
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if kind == "l":
                paths.replace_with_link(os.fsdecode(self.archive.read(entry)), path)
            else:
                self._extract_file(entry, path)
        return {"cmd": ["zipfile", self.src], "rc": 0, "out": "", "err": ""}

    def _extract_file(self, entry: zipfile.ZipInfo, path: str) -> None:
        aside = paths.make_temporary(os.path.dirname(path))
        try:
            with self.archive.open(entry) as source, open(aside, "wb") as file:
                shutil.copyfileobj(source, file)
            os.chmod(aside, _archived_mode(entry))
            os.utime(aside, (_member_time(entry), _member_time(entry)))
            os.rename(aside, path)
        finally:
            if os.path.lexists(aside):
                os.unlink(aside)


def _member_kind(entry: zipfile.ZipInfo) -> str:
    if entry.filename.endswith("/"):
        return "d"
    mode = entry.external_attr >> 16 if entry.create_system == _UNIX else 0
    return "l" if stat.S_ISLNK(mode) else "f"


def _archived_mode(entry: zipfile.ZipInfo) -> int:
    """Return the mode that unzip would set."""
    if entry.create_system == _UNIX:
        return entry.external_attr >> 16 & 0o777
    return (0o777 if entry.filename.endswith("/") else 0o666) & ~modes.read_umask()


def _member_time(entry: zipfile.ZipInfo) -> float:
    return time.mktime((*entry.date_time, 0, 0, -1))


def _file_crc(path: str) -> int:
    crc = 0
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            crc = binascii.crc32(part, crc)
    return crc
