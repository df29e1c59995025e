"""What sources the running code is made of: commit, state of the tree and date, as in /version.

A bundle has them in a file that its build writes, an archive of git in this module; git tells of a checkout.
What cannot be known stays empty, as in upstream's builds without git.

`python -m kprov.kube.component_base.build_info` prints them as JSON, for the bundle's build: on an operator's
machine, which need not have the components' libraries, so with the standard library only.
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

#: Beside this module, where it is in a bundle.
FILE: Final = "build_info.json"
# git replaces this when it makes an archive (see .gitattributes).
_ARCHIVED: Final = "$Format:%H %ct$"
#: What components are made of, in the repository: what else changes in it does not make another build.
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
def current() -> BuildInfo:
    """Of the running code. The first call may take the time of two git commands."""
    return of(_HERE.parent, _ARCHIVED)


def of(folder: Path, archived: str) -> BuildInfo:
    """Of the sources that this component_base is of; archived: what stands for %H and %ct in the module."""
    try:
        return BuildInfo(**json.loads((folder / FILE).read_bytes()))
    except FileNotFoundError:
        pass
    if not archived.startswith("$"):
        commit, seconds = archived.split()
        return BuildInfo(commit, "archive", _shown(int(seconds)))
    return _of_checkout(folder.parents[2])


def _of_checkout(root: Path) -> BuildInfo:
    """The commit that last changed the sources, and its date; of changes since, the date of the newest."""
    said = _git(root, "log", "-1", "--format=%H %ct", "--", *SOURCES)
    flags = ("--porcelain", "--no-renames", "-z", "--untracked-files=all")
    changed = _git(root, "status", *flags, "--", *SOURCES)
    if not said or changed is None:
        return BuildInfo()
    commit, seconds = said.split()
    if not changed:
        return BuildInfo(commit, "clean", _shown(int(seconds)))
    files = [root / entry[3:] for entry in changed.split("\0") if entry]
    times = [int(file.stat().st_mtime) for file in files if file.exists()]
    return BuildInfo(commit, "dirty", _shown(max([int(seconds), *times])))


def _git(root: Path, *arguments: str) -> str | None:
    """What git says; None where there is no git, no checkout or one of somebody else."""
    program = shutil.which("git")
    if program is None:
        return None
    # A hook's variables would name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = [program, "--no-optional-locks", "-C", str(root), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_GIT_SECONDS, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _shown(seconds: int) -> str:
    return timestamps.show(datetime.fromtimestamp(seconds, UTC))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(current())) + "\n")
