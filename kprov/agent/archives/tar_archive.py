"""Compares and extracts tar archives with GNU tar, for ansible.builtin.unarchive."""

from __future__ import annotations

import codecs
import fnmatch
import os
import re
import shutil
from typing import Any

from kprov.agent import process
from kprov.agent.context import ModuleError

#: The parser expects tar's messages in English.
_LOCALE = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "LANGUAGE": "C"}
_DIFFERS = re.compile(
    r": (Mod time differs|Warning: Cannot stat: No such file or directory|Symlink differs|Contents differ"
    r"|Size differs)$|: Invalid (owner|group)"
)
_NAMELESS = ": : Warning: Cannot stat: No such file or directory"


class TarArchive:
    """A tar archive and its destination."""

    def __init__(self, src: str, dest: str, args: dict[str, Any]) -> None:
        self.src = src
        self.dest = dest
        self.args = args
        self.excludes = [path.rstrip("/") for path in args["exclude"]]
        program = shutil.which("gtar") or shutil.which("tar")
        if program is None:
            raise ModuleError("Unable to find required 'gtar' or 'tar' binary in the path")
        self.program = program
        with open(src, "rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        self.flags = ["-z"] if zipped else []
        self.handler = "TgzArchive" if zipped else "TarArchive"
        self.names = self._list_names()

    def _command_line(self, action: str, *options: str) -> list[str]:
        line = [self.program, action, "-C", self.dest, *self.flags]
        if self.args["extra_opts"]:
            line += ["--show-transformed-names", *self.args["extra_opts"]]
        line += options
        line += [f"--exclude={name}" for name in self.excludes]
        return [*line, "-f", self.src, *self.args["include"]]

    def _run(self, line: list[str]) -> tuple[int, str, str]:
        return process.run_program(line, cwd=self.dest, environment=_LOCALE)

    def _list_names(self) -> list[str]:
        code, out, err = self._run(self._command_line("--list"))
        if code or not out:
            problem = f"could not handle archive: Unable to list files in the archive: {err}"
            if not code:
                problem = "found no files in archive. Empty archive files are not supported."
            text = f'Failed to find handler for "{self.src}". Make sure the required command to extract the '
            raise ModuleError(f'{text}file is installed.\nCommand "{self.program}" {problem}')
        names = []
        for line in out.splitlines():
            name = codecs.escape_decode(line.encode("utf-8", "surrogateescape"))[0]
            names.append(name.decode("utf-8", "surrogateescape").lstrip("/"))
        return [
            name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in self.excludes)
        ]

    def _owner_options(self) -> list[str]:
        owners = [f"--{option}={self.args[option]}" for option in ("owner", "group") if self.args.get(option)]
        return [*owners, "--keep-newer-files"] if self.args["keep_newer"] else owners

    def differs(self) -> bool:
        """Whether files on the host differ from the archive; ignore attributes that the arguments set."""
        _, out, err = self._run(self._command_line("--diff", *self._owner_options()))
        is_root = os.geteuid() == 0
        for line in out.splitlines() + err.splitlines():
            if line.endswith(_NAMELESS):
                continue
            if (
                (is_root and not self.args.get("owner") and line.endswith(": Uid differs"))
                or (is_root and not self.args.get("group") and line.endswith(": Gid differs"))
                or (not self.args.get("mode") and line.endswith(": Mode differs"))
                or _DIFFERS.search(line)
            ):
                return True
        return False

    def diff(self) -> str:
        """Return an empty diff: tar has no itemized list."""
        return ""

    def extract(self) -> dict[str, Any]:
        """Extract the archive; return tar's output."""
        line = self._command_line("--extract", *self._owner_options())
        code, out, err = self._run(line)
        return {"cmd": line, "rc": code, "out": out, "err": err}
