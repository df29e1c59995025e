"""The components' own code, as files: what of this repository travels to the hosts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import kprov

PACKAGE = Path(kprov.__file__).parent
_SKIPPED = {"__pycache__", ".mypy_cache", ".ruff_cache"}
_SUFFIXES = {".py", ".json", ".yaml", ".yml", ".txt", ".typed"}


def files(package: Path = PACKAGE) -> list[Path]:
    """Files of kprov/kube and kprov/__init__.py, relative to the package, in order."""
    found = [Path("__init__.py")]
    for path in (package / "kube").rglob("*"):
        inside = path.relative_to(package)
        if path.suffix in _SUFFIXES and not _SKIPPED.intersection(inside.parts) and path.is_file():
            found.append(inside)
    return sorted(found)


def digest(package: Path = PACKAGE) -> str:
    """SHA-256 over names and contents, hexadecimal."""
    total = hashlib.sha256()
    for file in files(package):
        content = (package / file).read_bytes()
        total.update(f"{file}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()
