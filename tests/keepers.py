"""Connections that runs have left, and the processes that hold them, by where they listen."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest


def keepers(folder: Path) -> list[int]:
    """Process ids of those that listen in a folder."""
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    inodes = {
        f"socket:[{words[6]}]" for words in lines if len(words) > 7 and words[7].startswith(f"{folder}/")
    }
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/0"):
        try:
            if os.readlink(link) in inodes:
                found.append(int(link.parts[2]))
        except OSError:
            continue
    return found


def end(folder: Path) -> None:
    """Close whatever is kept there."""
    for pid in keepers(folder):
        # It may have ended of itself meanwhile.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(autouse=True)
def connections_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """What one test's runs leave is not another's, and is gone with it."""
    folder = tmp_path_factory.mktemp("runtime")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield
    end(folder / "kprov")
