"""Programs of this machine are installed by one apt at a time."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from kprov.debian import programs
from kprov.errors import KprovError

#: Fails beside another one, as apt does, and is slow enough to meet it.
_APT = """#!/bin/sh
mkdir "$0.running" 2>/dev/null || { echo "could not get lock" >&2; exit 100; }
for number in $(seq 20000); do :; done
rmdir "$0.running"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="apt installs as root only")
def test_two_commands_install_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text(_APT)
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(programs, "LOCK", tmp_path / "lock")
    start = threading.Barrier(3)
    results: list[object] = []

    def install() -> None:
        start.wait()
        try:
            results.append(programs.ensure_programs({"no-such-program": "a-package"}, lambda _: None))
        except KprovError as error:
            results.append(error)

    threads = [threading.Thread(target=install) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True, True, True]
