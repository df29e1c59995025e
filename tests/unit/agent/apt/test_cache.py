"""When apt's package lists are fetched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kprov.agent.apt import cache as apt_cache

NOW = 1_800_000_000
DAY = 86400


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the lists, fetched a minute ago, with what an image without lists has in it."""
    stamp = tmp_path / "update-success-stamp"
    stamp.touch()
    os.utime(stamp, (NOW - 60, NOW - 60))
    folder = tmp_path / "lists"
    (folder / "partial").mkdir(parents=True)
    (folder / "lock").touch()
    monkeypatch.setattr(apt_cache, "_STAMP", str(stamp))
    monkeypatch.setattr(apt_cache, "LISTS", str(folder))
    return folder


def test_fresh_lists_are_not_fetched_again(lists: Path) -> None:
    (lists / "mirror_debian_dists_trixie_main_binary-amd64_Packages.lz4").touch()
    assert not apt_cache.is_update_due(DAY, NOW)
    assert apt_cache.is_update_due(30, NOW)


def test_a_fresh_time_without_lists_does_not_count(lists: Path) -> None:
    assert apt_cache.is_update_due(DAY, NOW)
    (lists / "mirror_debian_dists_trixie_InRelease").touch()
    assert apt_cache.is_update_due(DAY, NOW)


def test_without_the_folder_lists_are_fetched(lists: Path) -> None:
    (lists / "lock").unlink()
    (lists / "partial").rmdir()
    lists.rmdir()
    assert apt_cache.is_update_due(DAY, NOW)
