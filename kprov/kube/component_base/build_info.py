"""Commit, state of the tree and date of the sources of the running code, as in /version.

A bundle has them in a file that its build writes. A git archive has them in this module. In a checkout git is
asked. What is unknown stays empty, as in upstream's builds without git.

`python -m kprov.kube.component_base.build_info` prints them as JSON for the bundle's build. It runs on an
operator's machine without the components' libraries, so it imports the standard library only.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kprov.kube.machinery import timestamps

#: Stands beside this module in a bundle.
FILE: Final = "build_info.json"
# git replaces this when it makes an archive (see .gitattributes).
_ARCHIVED: Final = "$Format:%H %ct$"
#: Paths of the components' sources. Other changes in the repository do not make another build.
SOURCES: Final = ("kprov/kube", "kprov/__init__.py")
_HERE: Final = Path(__file__).resolve()
_GIT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """`tree_state`: "clean", "dirty", "archive" or "" (unknown); `date`: RFC 3339, 1970 when unknown."""

    commit: str = ""
    tree_state: str = ""
    date: str = "1970-01-01T00:00:00Z"


@functools.cache
def get_build_info() -> BuildInfo:
    """Build information of the running code. The first call may run two git commands."""
    return read_build_info(_HERE.parent, _ARCHIVED)


def read_build_info(folder: Path, archived: str) -> BuildInfo:
    """Build information of the sources around a component_base. archived: git's text for %H and %ct."""
    try:
        return BuildInfo(**json.loads((folder / FILE).read_bytes()))
    except FileNotFoundError:
        pass
    if not archived.startswith("$"):
        commit, seconds = archived.split()
        return BuildInfo(commit, "archive", _render_time(int(seconds)))
    return _read_checkout(folder.parents[2])


def _read_checkout(root: Path) -> BuildInfo:
    """Return the commit that last changed the sources, and its date or that of the newest other change."""
    said = _run_git(root, "log", "-1", "--format=%H %ct", "--", *SOURCES)
    flags = ("--porcelain", "--no-renames", "-z", "--untracked-files=all")
    changed = _run_git(root, "status", *flags, "--", *SOURCES)
    if not said or changed is None:
        return BuildInfo()
    commit, seconds = said.split()
    if not changed:
        return BuildInfo(commit, "clean", _render_time(int(seconds)))
    files = [root / entry[3:] for entry in changed.split("\0") if entry]
    times = [int(file.stat().st_mtime) for file in files if file.exists()]
    return BuildInfo(commit, "dirty", _render_time(max([int(seconds), *times])))


def _run_git(root: Path, *arguments: str) -> str | None:
    """Return the output of git. None without git, outside a checkout, or in one of another user."""
    program = shutil.which("git")
    if program is None:
        return None
    # Variables of a git hook would name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = [program, "--no-optional-locks", "-C", str(root), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_GIT_SECONDS, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _render_time(seconds: int) -> str:
    return timestamps.show(datetime.fromtimestamp(seconds, UTC))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(get_build_info())) + "\n")
