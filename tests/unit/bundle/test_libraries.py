"""pip takes the files that the lock names by their hashes, whatever the machine's own settings offer."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from kprov.bundle import content, libraries
from kprov.bundle.lock import LockedLibrary
from kprov.errors import KprovError


def wheel(folder: Path, version: str, text: str) -> Path:
    """A wheel of the library `thing`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"thing-{version}-py3-none-any.whl"
    info = f"thing-{version}.dist-info"
    files = {
        "thing.py": text,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in files.items():
            archive.writestr(name, value)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]))
    return path


def sha256(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def index(folder: Path, *wheels: Path) -> str:
    """A package index on disk that names its files with their hashes; its URL."""
    page = folder / "thing" / "index.html"
    page.parent.mkdir(parents=True)
    links = [f'<a href="{one.as_uri()}#{sha256(one).replace(":", "=")}">{one.name}</a>' for one in wheels]
    page.write_text("<!DOCTYPE html><html><body>" + "".join(links))
    return folder.as_uri()


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def install(target: Path, *wanted: LockedLibrary) -> str:
    libraries.install_libraries(target, python="3.13", arch="x86_64", libraries=list(wanted))
    return content.tree_digest(target)


def test_a_file_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = sha256(wheel(tmp_path / "locked", "1.0", "x = 1\n"))
    wheel(tmp_path / "local", "1.0", "x = 2\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "local"))
    with pytest.raises(KprovError, match=r"(?i)hash mismatch|do not match the hashes"):
        install(tmp_path / "lib", LockedLibrary("thing", "1.0", (locked,)))


def test_a_folder_of_local_wheels_does_not_change_what_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = wheel(tmp_path / "index-files", "1.0", "x = 1\n")
    monkeypatch.setenv("PIP_INDEX_URL", index(tmp_path / "index", good))
    wanted = LockedLibrary("thing", "1.0", (sha256(good),))
    plain = install(tmp_path / "plain", wanted)
    wheel(tmp_path / "local", "1.0", "x = 2\n")
    wheel(tmp_path / "local", "1.1", "x = 3\n")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "local"))
    assert install(tmp_path / "with-local", wanted) == plain
    assert (tmp_path / "with-local/thing.py").read_text() == "x = 1\n"
