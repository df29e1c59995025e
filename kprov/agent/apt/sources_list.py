"""Reads and edits sources.list and *.list files, as apt_repository does."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass

from kprov.agent.context import ModuleError

MAIN = "/etc/apt/sources.list"
PARTS = "/etc/apt/sources.list.d/"
_TYPES = ("deb", "deb-src")


@dataclass
class Line:
    """A line: an enabled or disabled (commented) source, or anything else."""

    valid: bool
    enabled: bool
    source: str
    comment: str

    def __str__(self) -> str:
        return (
            ("" if self.enabled else "# ")
            + self.source
            + (f" # {self.comment}" if self.comment else "")
            + "\n"
        )


Files = dict[str, list[Line]]


def parse_line(line: str) -> Line:
    """Parse a line as apt_repository does: several blanks in a source count as one."""
    line = line.strip()
    enabled, comment = not line.startswith("#"), ""
    if not enabled:
        line = line[1:]
    mark = line.find("#")
    if mark > 0:
        line, comment = line[:mark], line[mark + 1 :].strip()
    words = line.split()
    if words and words[0] in _TYPES:
        return Line(True, enabled, " ".join(words), comment)
    return Line(False, enabled, line.strip(), comment)


def parse_repository(repo: str) -> str:
    """Parse the argument `repo`. Raises ModuleError."""
    line = parse_line(repo)
    if not line.valid or not line.enabled:
        raise ModuleError(f"Invalid repository string: {repo.strip().lstrip('#')}")
    return line.source


def load_files() -> Files:
    """Parse sources.list and the *.list files."""
    files: Files = {}
    for path in [MAIN, *glob.glob(f"{PARTS}*.list")]:
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                files[path] = [parse_line(line) for line in file]
    return files


def render_file(lines: list[Line]) -> str:
    """Render the content of a file."""
    return "".join(str(line) for line in lines)


def choose_file(source: str, filename: str | None) -> str:
    """Return the path for a new source."""
    if filename is None:
        bare = re.sub(r"\w+://", "", re.sub(r"\[[^\]]+\]", "", source))
        first = next(word for word in bare.split() if word not in _TYPES)
        filename = "_".join(re.sub("[^a-zA-Z0-9]", " ", first.split("@", 1)[-1]).split())
    name = f"{filename}.list"
    return name if "/" in name else PARTS + name


def add_source(sources: Files, source: str, filename: str | None) -> str | None:
    """Enable a source in every file that has it, else add it. Return the changed path if it was added."""
    existing = [line for lines in sources.values() for line in lines if line.valid and line.source == source]
    for line in existing:
        line.enabled = True
    if existing:
        return None
    path = choose_file(source, filename)
    sources.setdefault(path, []).append(Line(True, True, source, ""))
    return path


def remove_source(sources: Files, source: str) -> None:
    """Remove an enabled source from every file."""
    for path, lines in sources.items():
        removed_lines = [line for line in lines if line.valid and line.enabled and line.source == source]
        sources[path] = [line for line in lines if line not in removed_lines] if removed_lines else lines
