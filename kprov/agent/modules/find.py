"""ansible.builtin.find: files below paths."""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
import time
from typing import Any, Callable

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import modes, path_facts, paths

ALGORITHMS = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "paths": {"type": "list", "elements": "path", "required": True, "aliases": ["name", "path"]},
    "patterns": {"type": "list", "elements": "str", "default": [], "aliases": ["pattern"]},
    "excludes": {"type": "list", "elements": "str", "aliases": ["exclude"]},
    "contains": {},
    "read_whole_file": {"type": "bool", "default": False},
    "file_type": {"default": "file", "choices": ["any", "directory", "file", "link"]},
    "age": {},
    "age_stamp": {"default": "mtime", "choices": ["atime", "ctime", "mtime"]},
    "size": {},
    "recurse": {"type": "bool", "default": False},
    "hidden": {"type": "bool", "default": False},
    "follow": {"type": "bool", "default": False},
    "get_checksum": {"type": "bool", "default": False},
    "checksum_algorithm": {
        "default": "sha1",
        "choices": ALGORITHMS,
        "aliases": ["checksum", "checksum_algo"],
    },
    "use_regex": {"type": "bool", "default": False},
    "depth": {"type": "int"},
    "mode": {"type": "raw"},
    "exact_mode": {"type": "bool", "default": True},
    "encoding": {},
    "limit": {"type": "int"},
}
RULES: dict[str, Any] = {"read_only": True}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_KINDS: dict[str, Callable[[int], bool]] = {
    "any": lambda _: True,
    "file": stat.S_ISREG,
    "directory": stat.S_ISDIR,
    "link": stat.S_ISLNK,
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return the files below paths that match patterns, type, age, size, mode and content."""
    if args["mode"] is not None and not isinstance(args["mode"], str):
        kind = type(args["mode"]).__name__
        raise ModuleError(
            f"argument 'mode' is not a string and conversion is not allowed, value is of type {kind}"
        )
    if args["limit"] is not None and args["limit"] <= 0:
        raise ModuleError(f"limit cannot be {args['limit']} (use None for unlimited)")
    search = _Search(args)
    for top in args["paths"]:
        search.search_path(top)
    message = "Limit of matches reached" if search.is_full else "All paths examined"
    result: dict[str, Any] = {
        "files": search.matches,
        "changed": False,
        "msg": message if not search.warnings else "Not all paths examined, check warnings for details",
        "matched": len(search.matches),
        "examined": search.examined,
        "skipped_paths": search.skipped,
    }
    if search.warnings:
        result["warnings"] = search.warnings
    return result


class _Search:
    def __init__(self, args: dict[str, Any]) -> None:
        self.args = args
        self.age = _parse_amount(args["age"], _UNITS, "age")
        self.size = _parse_amount(args["size"], _SIZES, "size")
        self.now = time.time()
        self.matches: list[dict[str, Any]] = []
        self.skipped: dict[str, str] = {}
        self.warnings: list[str] = []
        self.examined = 0

    @property
    def is_full(self) -> bool:
        return bool(len(self.matches) == self.args["limit"])

    def search_path(self, top: str) -> None:
        try:
            if not paths.is_folder(top):
                raise ModuleError(f"'{top}' is not a directory")
            self._walk(top)
        except (OSError, ModuleError, LookupError, UnicodeError) as error:
            self.skipped[top] = str(error)
            self.warnings.append(f"Skipped '{top}' path due to this access issue: {error}\n")

    def _skip_unreadable(self, error: OSError) -> None:
        if error.errno not in (errno.EPERM, errno.EACCES, errno.ENOENT):
            raise error
        self.skipped[error.filename] = str(error)

    def _walk(self, top: str) -> None:
        base = (top.rstrip("/") + "/").count("/")
        walk = paths.walk(top, onerror=self._skip_unreadable, links=self.args["follow"])
        for root, folders, names in walk:
            self.examined += len(names) + len(folders)
            for name in names + folders:
                path = os.path.normpath(os.path.join(root, name))
                if self.args["depth"] and path.count("/") - base + 1 > self.args["depth"]:
                    folders.clear()
                    continue
                if not name.startswith(".") or self.args["hidden"]:
                    self._examine(path, name)
                if self.is_full:
                    break
            if not self.args["recurse"] or self.is_full:
                return

    def _examine(self, path: str, name: str) -> None:
        try:
            status = os.lstat(path)
        except OSError as error:
            self.skipped[path] = str(error)
            self.warnings.append(f"Skipped entry {path!r} due to access issue: {error}")
            return
        if not _KINDS[self.args["file_type"]](status.st_mode) or not self._matches(path, name, status):
            return
        entry = {"path": path, **path_facts.read_facts(status), "pw_name": "", "gr_name": ""}
        entry.update(path_facts.read_owners(status))
        if self.args["get_checksum"] and stat.S_ISREG(status.st_mode):
            entry["checksum"] = paths.hash_file(path, self.args["checksum_algorithm"])
        self.matches.append(entry)

    def _matches(self, path: str, name: str, status: os.stat_result) -> bool:
        if not (self._matches_name(name) and self._matches_age(status) and self._matches_mode(status)):
            return False
        if stat.S_ISREG(status.st_mode) and self.size is not None:
            has_size = status.st_size >= self.size if self.size >= 0 else status.st_size <= -self.size
            if not has_size:
                return False
        return self.args["file_type"] != "file" or self._contains(path)

    def _matches_name(self, name: str) -> bool:
        def matches_pattern(pattern: str) -> bool:
            if self.args["use_regex"]:
                return bool(re.match(pattern, name))
            return fnmatch.fnmatch(name, pattern)

        patterns, excludes = self.args["patterns"], self.args["excludes"] or []
        return (not patterns or any(map(matches_pattern, patterns))) and not any(
            map(matches_pattern, excludes)
        )

    def _matches_age(self, status: os.stat_result) -> bool:
        if self.age is None:
            return True
        age = self.now - float(getattr(status, f"st_{self.args['age_stamp']}"))
        return age >= self.age if self.age >= 0 else age <= -self.age

    def _matches_mode(self, status: os.stat_result) -> bool:
        if not self.args["mode"]:
            return True
        requested = stat.S_IMODE(modes.parse_mode(self.args["mode"], 0))
        mode = stat.S_IMODE(status.st_mode)
        return mode == requested if self.args["exact_mode"] else bool(mode & requested)

    def _contains(self, path: str) -> bool:
        pattern, encoding = self.args["contains"], self.args["encoding"]
        if pattern is None:
            return True
        try:
            with open(path, encoding=encoding) as file:
                if self.args["read_whole_file"]:
                    return bool(re.search(pattern, file.read()))
                return any(re.match(pattern, line) for line in file)
        except UnicodeDecodeError:
            encoding_name = encoding or 'None (default determined by the Python built-in function "open")'
            raise ModuleError(
                f"Failed to read the file {path} due to an encoding error. current encoding: {encoding_name}"
            ) from None
        except OSError:
            return False


def _parse_amount(text: str | None, units: dict[str, int], argument: str) -> int | None:
    if text is None:
        return None
    match = re.match(rf"^(-?\d+)({'|'.join(units)})?$", text.lower())
    if not match:
        raise ModuleError(f"failed to process {argument}", **{argument: text})
    return int(match[1]) * units.get(match[2] or "", 1)
