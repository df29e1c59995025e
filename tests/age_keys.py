"""Keys of age, and the program as Debian ships it, for tests."""

from __future__ import annotations

import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kprov.content.caches import CACHE
from kprov.debian import packages


@dataclass(frozen=True)
class AgeKey:
    """A file with a secret key, and its public key."""

    file: Path
    recipient: str


def install_age(folder: Path) -> Path:
    """Put age and age-keygen into a new folder; return it."""
    deb = packages.fetch_package("age", arch=platform.machine(), cache=CACHE)
    programs = folder / "age-bin"
    programs.mkdir()
    for name in ("age", "age-keygen"):
        (programs / name).write_bytes(packages.read_member(deb, f"usr/bin/{name}"))
        (programs / name).chmod(0o755)
    return programs


def make_key(programs: Path, file: Path) -> AgeKey:
    """Make a new key."""
    subprocess.run([programs / "age-keygen", "-o", file], check=True, capture_output=True)
    lines = file.read_text().splitlines()
    return AgeKey(file, next(line.split(": ")[1] for line in lines if line.startswith("# public key")))
