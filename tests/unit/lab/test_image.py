"""The image of lab hosts is built once, also when two commands need it at the same time."""

from __future__ import annotations

import fcntl
import queue
import threading
from pathlib import Path

import pytest

from kprov.lab import image


def test_command_says_that_it_waits_for_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "CACHE", tmp_path)
    said: queue.Queue[str] = queue.Queue()

    def wait() -> None:
        with image._lock_builder(said.put):
            said.put("has the lock")

    with (tmp_path / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        thread = threading.Thread(target=wait)
        thread.start()
        assert said.get(timeout=30) == "Waiting for another kprov that builds an image"
        assert said.empty()
    assert said.get(timeout=30) == "has the lock"
    thread.join()
