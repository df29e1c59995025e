"""The bundle follows from the repository: operators with different virtual environments make the same one."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from .conftest import ROOT, run


def build(python: str | Path, cache: Path) -> Path:
    """The archive that kprov makes when it runs on this interpreter."""
    program = "from kprov.cli.main import main; main()"
    done = run(
        python, "-c", program, "bundle", "build", "--python", "3.13", "--arch", "x86_64", "--cache", cache
    )
    return Path(done.stdout.strip())


def members(archive: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of each file, without compiled modules."""
    with tarfile.open(archive) as tar:
        return {
            member.name: (member.mode, file.read())
            for member in tar
            if not member.name.endswith((".pyc", "/.compiled")) and (file := tar.extractfile(member))
        }


#: Two whole bundles are built. Unit tests show that the same inputs give the same bytes.
@pytest.mark.nightly
def test_two_operators_with_different_environments_make_the_same_bundle(tmp_path: Path) -> None:
    # This one has the development packages, the other has not, and has another version of a library that travels.
    mine = build(sys.executable, tmp_path / "mine")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    pip = (tmp_path / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "--requirement", ROOT / "requirements/run.txt")
    run(*pip, "--no-deps", "hpack==4.1.0")
    other = build(tmp_path / "venv/bin/python", tmp_path / "other")
    assert mine.name == other.name
    assert members(mine) == members(other)
