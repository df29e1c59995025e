"""The files of the components' own code, which the bundle contains."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import kprov
from kprov.errors import KprovError

PACKAGE = Path(kprov.__file__).parent
#: The bundle's build information, relative to the package, and the module that reads it.
BUILD_INFO = Path("kube/component_base/build_info.json")
_BUILD_INFO_MODULE = "kprov.kube.component_base.build_info"
#: Folders of the package that a bundle has: the components, and what they share with the provisioner.
FOLDERS = ("kube", "contract/scheduler")
_SKIPPED = {"__pycache__", ".mypy_cache", ".ruff_cache"}
_SUFFIXES = {".py", ".json", ".yaml", ".yml", ".txt", ".typed"}


def list_files(package: Path = PACKAGE) -> list[Path]:
    """Return the files of FOLDERS and of the packages above them, relative to the package, sorted."""
    above = {Path(folder).parents[0] for folder in FOLDERS} | {Path()}
    files = [folder / "__init__.py" for folder in above]
    start = len(os.path.join(package, ""))  # noqa: PTH118  pathlib takes five times as long for a thousand
    for folder, folders, names in (entry for top in FOLDERS for entry in os.walk(package / top)):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        files += [
            Path(folder[start:], name)
            for name in names
            if os.path.splitext(name)[1] in _SUFFIXES and os.path.isfile(f"{folder}/{name}")  # noqa: PTH113, PTH122
        ]
    # In a wheel; a bundle gets it apart from the sources.
    return sorted(file for file in files if file != BUILD_INFO)


def sources_digest(package: Path = PACKAGE) -> str:
    """Return the hexadecimal SHA-256 of names and contents."""
    total = hashlib.sha256()
    for file in list_files(package):
        with open(f"{package}/{file}", "rb", buffering=0) as stream:
            content = stream.read()
        total.update(f"{file}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def read_components_version(package: Path = PACKAGE) -> str:
    """Return the components' version, such as v1.36.0+kprov, from the text of their sources.

    Raises:
        KprovError: the sources do not name it.

    """
    path = package / "kube" / "component_base" / "options.py"
    match = re.search(r'^VERSION: Final = "([^"]+)"$', path.read_text(), re.MULTILINE)
    if match is None:
        raise KprovError(f"{path} names no VERSION")
    return match[1]


def file_digest(path: Path) -> str:
    """Return `sha256:` and the hexadecimal digest of a file."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@dataclass(frozen=True)
class Description:
    """What a bundle's digest needs to know about the sources."""

    digest: str
    build_info: str


def describe_sources() -> Description:
    """Read the sources and their build information. Raises KprovError as read_build_info does."""
    return Description(sources_digest(), read_build_info())


def read_build_info() -> str:
    """Return the components' build information (commit, state of the tree, date) as JSON.

    Raises:
        KprovError: they do not start.

    """
    command = [sys.executable, "-m", _BUILD_INFO_MODULE]
    done = subprocess.run(
        command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        raise KprovError(f"{_BUILD_INFO_MODULE} does not run on this machine: {done.stderr.strip()}")
    return done.stdout
