"""Installs third-party libraries for a host's Python and architecture into a folder.

pip installs wheels for the target, whatever Python it runs on. Nothing is compiled from source, so a
library without a wheel for the target is an error here and not on a host. Versions and hashes come from the
lock file, not from what is installed on this machine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kprov.bundle.lock import LockedLibrary
from kprov.errors import KprovError

FORMAT = 3  # raised when pruning changes: part of the cache's key
RELEASE = "v1.36.0"  # the release of Kubernetes whose definitions the components read
# Only its definitions are used.
_DEFINITIONS = "kubernetes_validate"
# Wheels for these run on Debian 12 and later (glibc 2.36), newest first.
_PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "linux")

# Not imported by the components; a name with a slash is below lib/, others match anywhere.
_FOLDERS = {"tests", "test", "testing/tests", "__pycache__"}
_PLACES = (
    "bin",
    "numpy/f2py",
    "numpy/distutils",
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/random/lib",
)
#: Extensions of CEL that Kubernetes does not have, each with a copy of the library's C++ parts.
_FILES = tuple(f"cel_expr_python/ext/ext_{name}.*" for name in ("encoders", "math", "proto"))
_SUFFIXES = {".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h", ".cpp", ".hpp", ".a", ".hash", ".lib"}
_METADATA_KEPT = {"METADATA"}  # and the licences


def install_libraries(target: Path, *, python: str, arch: str, libraries: list[LockedLibrary]) -> None:
    """Fill `target` with the libraries, pruned to what a component can import.

    Raises:
        KprovError: pip failed, or a file has none of the lock's hashes; the message has pip's output.

    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{library.line()}\n" for library in libraries)
        file.flush()
        _run_pip(target, python, arch, ["--requirement", file.name])
    prune_libraries(target)


def prune_libraries(target: Path) -> None:
    """Remove files that no component imports: tests, extension sources, type stubs, unused schemas."""
    _keep_only_definitions(target)
    for place in _PLACES:
        shutil.rmtree(target / place, ignore_errors=True)
    for pattern in _FILES:
        for path in target.glob(pattern):
            path.unlink()
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_dir():
            if path.name in _FOLDERS:
                shutil.rmtree(path)
        elif path.suffix in _SUFFIXES or (_is_metadata(path) and path.name not in _METADATA_KEPT):
            path.unlink()


def _keep_only_definitions(target: Path) -> None:
    """Keep one release of kubernetes-validate's definitions; the others are a hundred megabytes."""
    package = target / _DEFINITIONS
    if not package.is_dir():
        return
    wanted = package / f"kubernetes-json-schema/{RELEASE}-local/_definitions.json"
    if not wanted.is_file():
        raise KprovError(
            f"{_DEFINITIONS} has no definitions of {RELEASE}: {wanted.relative_to(target)} is missing"
        )
    for path in sorted(package.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path != wanted:
            path.unlink()


def _is_metadata(path: Path) -> bool:
    inside = [part for part in path.parts if part.endswith(".dist-info")]
    return bool(inside) and "licen" not in str(path).lower() and "copying" not in path.name.lower()


def _run_pip(target: Path, python: str, arch: str, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--target", str(target), "--upgrade", "--no-compile", "--only-binary=:all:"]
    # The lock names every file: pip resolves no versions, and rejects files with other hashes.
    command += ["--no-deps", "--require-hashes"]
    command += ["--implementation", "cp", "--python-version", python]
    for platform in _PLATFORMS:
        command += ["--platform", f"{platform}_{arch}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        output = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("WARNING"))
        raise KprovError(f"pip cannot install the libraries for Python {python} on {arch}:\n{output.strip()}")
