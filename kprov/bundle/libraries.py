"""Installs third-party libraries for a host's Python and architecture into a folder.

uv installs wheels for the target, whatever Python this machine has; pip does for architectures that uv does
not know. Nothing is compiled from source, so a library without a wheel for the target is an error here and
not on a host. Versions and hashes come from the lock file, not from what is installed on this machine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kprov.bundle import uv
from kprov.bundle.lock import LockedLibrary
from kprov.errors import KprovError

FORMAT = 4  # raised when pruning changes, or the choice of wheels: part of the cache's key
RELEASE = "v1.36.0"  # the release of Kubernetes whose definitions the components read
# Only its definitions are used.
_DEFINITIONS = "kubernetes_validate"
#: The architectures that uv knows. Wheels for glibc 2.34 and older run on Debian 12 and later.
_UV_PLATFORMS = {arch: f"{arch}-manylinux_2_34" for arch in ("x86_64", "aarch64")}
# The same for pip, newest first.
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
        KprovError: a library cannot be fetched, or has none of the lock's hashes; the message says why.

    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{library.line()}\n" for library in libraries)
        file.flush()
        _install(target, python, arch, Path(file.name))
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


def _install(target: Path, python: str, arch: str, requirements: Path) -> None:
    # The lock names every file: no versions are resolved, and files with other hashes rejected.
    options = ["--quiet", "--target", str(target), "--only-binary=:all:", "--no-deps", "--require-hashes"]
    options += ["--python-version", python, "--requirement", str(requirements)]
    if arch in _UV_PLATFORMS:
        program = "uv"
        done = uv.run_uv(["pip", "install", *options, "--python-platform", _UV_PLATFORMS[arch]])
        (target / ".lock").unlink(missing_ok=True)
    else:
        program = "pip"
        options += ["--disable-pip-version-check", "--no-input", "--no-compile", "--implementation", "cp"]
        options += [f"--platform={platform}_{arch}" for platform in _PLATFORMS]
        command = [sys.executable, "-m", "pip", "install", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        output = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("WARNING"))
        text = f"{program} cannot install the libraries for Python {python} on {arch}"
        raise KprovError(f"{text}:\n{output.strip()}")
