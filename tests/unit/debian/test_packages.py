"""Packages that several processes fetch into one cache."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from kprov.debian import packages, sources


def test_only_one_fetch_at_a_time_uses_apt_in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = threading.Lock()
    commands: list[str] = []

    def run_apt(command: list[str], folder: Path) -> CompletedProcess[str]:
        assert alone.acquire(blocking=False), "apt runs already"
        try:
            if command[-1] == "update":
                (folder / "lists" / "mirror_Packages").touch()
            else:
                (folder / f"{command[-1]}_1_amd64.deb").touch()
            commands.append(command[-1])
            return CompletedProcess(command, 0, "", "")
        finally:
            alone.release()

    monkeypatch.setattr(packages, "run_apt", run_apt)
    monkeypatch.setattr(sources, "sources_for_release", lambda _: [])
    names = [f"package{number}" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(lambda name: packages.fetch_package(name, arch="x86_64", cache=tmp_path), names)
        )
    assert [file.name for file in found] == [f"{name}_1_amd64.deb" for name in names]
    assert commands.count("update") == 1
    assert sorted(commands) == sorted([*names, "update"])
