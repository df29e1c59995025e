"""The box that vagrant/box/build makes, and the disk and the key in it."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "vagrant/box/build"
#: Seconds; it takes one to two minutes on a busy machine.
BUILD_LIMIT = 1200


def build_box(path: Path) -> Path:
    """Build the box at `path`, and return its path: another one where KPROV_TEST_BOX names a box that exists."""
    existing = os.environ.get("KPROV_TEST_BOX")
    if existing:
        return Path(existing)
    subprocess.run([BUILD, path], check=True, timeout=BUILD_LIMIT)
    return path


def extract_disk(box: Path, directory: Path) -> Path:
    """Extract the disk image of a box into a directory."""
    with tarfile.open(box) as archive:
        archive.extract("box.img", directory, filter="data")
    return directory / "box.img"


def find_private_key() -> Path:
    """Return the path of Vagrant's well-known key, whose public half the box accepts."""
    return next(path for path in Path("/usr/share").rglob("keys/vagrant") if "vagrant" in path.parts)
