"""The cache of collections, which several twins ask for at once."""

from __future__ import annotations

import subprocess
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.parity import collection_path

FILE = "ansible_collections/ansible/posix/MANIFEST.json"


def test_it_is_filled_once_whoever_asks_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def download(command: tuple[str, ...], **_: Any) -> None:
        calls.append(command[-1])
        with zipfile.ZipFile(Path(command[command.index("--dest") + 1]) / "a.whl", "w") as wheel:
            wheel.writestr(FILE, "{}")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ANSIBLE_COLLECTIONS_PATH", raising=False)
    monkeypatch.setattr(subprocess, "run", download)
    together = threading.Barrier(4)

    def find(_: int) -> Path:
        together.wait(10)
        return collection_path.path()

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(find, range(4)))
    (cache,) = found
    assert (cache / FILE).read_text() == "{}"
    assert calls == ["ansible"]
