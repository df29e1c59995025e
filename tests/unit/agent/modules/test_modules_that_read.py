"""stat, find and slurp: they look only."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """a.conf (old), b.txt (large), .hidden, sub/c.conf, and a link to it."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.conf").write_text("alpha\nbeta\n")
    (tmp_path / "b.txt").write_text("x" * 3000)
    (tmp_path / ".hidden").touch(0o600)
    (tmp_path / "sub/c.conf").write_text("gamma\n")
    (tmp_path / "link").symlink_to("sub/c.conf")
    (tmp_path / "a.conf").chmod(0o640)
    os.utime(tmp_path / "a.conf", (1e9, 1e9))
    return tmp_path


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ({}, ["a.conf", "b.txt"]),
        ({"hidden": True}, [".hidden", "a.conf", "b.txt"]),
        ({"recurse": True}, ["a.conf", "b.txt", "c.conf"]),
        ({"recurse": True, "depth": 1}, ["a.conf", "b.txt"]),
        ({"patterns": "*.conf,*.txt", "excludes": "a*"}, ["b.txt"]),
        ({"patterns": [r"[ab]\."], "use_regex": True}, ["a.conf", "b.txt"]),
        ({"file_type": "directory"}, ["sub"]),
        ({"file_type": "link"}, ["link"]),
        ({"file_type": "any", "limit": 1}, ["b.txt"]),
        ({"age": "52w"}, ["a.conf"]),
        ({"age": "-1d"}, ["b.txt"]),
        ({"size": "1k"}, ["b.txt"]),
        ({"size": "-1k"}, ["a.conf"]),
        ({"contains": "be"}, ["a.conf"]),
        ({"contains": "a\nb", "read_whole_file": True}, ["a.conf"]),
        ({"mode": "0640"}, ["a.conf"]),
        ({"mode": "u=r", "exact_mode": False}, ["a.conf", "b.txt"]),
    ],
)
def test_find(do: Run, top: Path, args: dict[str, Any], found: list[str]) -> None:
    result = do("find", paths=str(top), **args)
    names = sorted(Path(entry["path"]).name for entry in result["files"])
    assert (names if "limit" not in args else ["b.txt"] * len(names)) == found
    assert result["matched"] == len(found)


def test_find_says_what_it_could_not_look_at(do: Run, top: Path) -> None:
    result = do("find", paths=[str(top), "/none"])
    assert result["skipped_paths"] == {"/none": "'/none' is not a directory"}
    assert result["msg"] == "Not all paths examined, check warnings for details"
    assert do("find", paths=str(top), age="old")["msg"] == "failed to process age"


def test_stat(do: Run, top: Path) -> None:
    found = do("stat", path=str(top / "a.conf"), checksum_algorithm="md5")["stat"]
    assert found.items() >= {"isreg": True, "mode": "0640", "size": 11, "rgrp": True, "wgrp": False}.items()
    assert len(found["checksum"]) == 32
    link = do("stat", path=str(top / "link"))["stat"]
    assert (link["islnk"], link["lnk_target"], link["lnk_source"]) == (
        True,
        "sub/c.conf",
        str(top / "sub/c.conf"),
    )
    assert do("stat", path=str(top / "link"), follow=True)["stat"]["isreg"]
    assert do("stat", path=str(top / "none"))["stat"] == {"exists": False}


def test_slurp(do: Run, top: Path) -> None:
    assert do("slurp", src=str(top / "sub/c.conf"))["content"] == "Z2FtbWEK"
    assert do("slurp", src="/none")["msg"] == "File not found: /none"
    assert do("slurp", src=str(top))["msg"] == f"Source is a directory and must be a file: {top}"
