"""file: every state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("mode", "before", "after"),
    [
        ("0600", 0o644, 0o600),
        ("u=rwx,g=rx,o=", 0o644, 0o750),
        ("a+x", 0o644, 0o755),
        ("go-rwx", 0o777, 0o700),
        ("o=g", 0o640, 0o644),
        ("u+s,g=u", 0o700, 0o4770),
        ("a+X", 0o600, 0o600),
        ("u=rw-x+X", 0o755, 0o755),
    ],
)
def test_modes_are_numbers_or_symbols(do: Run, tmp_path: Path, mode: str, before: int, after: int) -> None:
    path = tmp_path / "f"
    path.touch()
    path.chmod(before)
    assert do("file", path=str(path), mode=mode)["changed"] == (before != after)
    assert path.stat().st_mode & 0o7777 == after
    assert not do("file", path=str(path), mode=mode)["changed"]


def test_directories_are_made_with_their_mode_all_the_way(do: Run, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    made = do("file", path=str(folder), state="directory", mode="0700", diff=True)
    assert made["diff"]["before"] == {"path": str(folder), "state": "absent", "mode": "0755"}
    assert not do("file", path=str(folder), state="directory", mode="0700")["changed"]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    assert do("file", path=str(tmp_path / "a"), state="absent")["changed"]
    assert not do("file", path=str(tmp_path / "a"), state="absent")["changed"]


def test_links_are_made_changed_and_refused(do: Run, tmp_path: Path) -> None:
    link, target = str(tmp_path / "l"), tmp_path / "t"
    target.touch()
    assert do("file", path=link, src=str(target), state="link")["changed"]
    assert not do("file", path=link, src=str(target), state="link")["changed"]
    assert "src file does not exist" in do("file", path=link, src="none", state="link")["msg"]
    assert do("file", path=link, src="none", state="link", force=True)["changed"]
    assert (tmp_path / "l").readlink() == Path("none")
    refused = do("file", path=str(target), src="l", state="link", force=False)
    assert refused["failed"]
    hard = {"path": str(tmp_path / "h"), "src": str(target), "state": "hard"}
    assert do("file", **hard)["state"] == "hard"
    assert not do("file", **hard)["changed"]


def test_recursion_reaches_all_below(do: Run, tmp_path: Path) -> None:
    inner = tmp_path / "a/b/c"
    inner.parent.mkdir(parents=True)
    inner.touch(0o666)
    args = {"path": str(tmp_path / "a"), "state": "directory", "mode": "u=rwX,go=", "recurse": True}
    assert do("file", check=True, **args)["changed"]
    assert do("file", **args)["changed"]
    assert inner.stat().st_mode & 0o777 == 0o600
    assert inner.parent.stat().st_mode & 0o777 == 0o700
    assert not do("file", **args)["changed"]


def test_times_are_set_and_preserve_leaves_them_unchanged(do: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    keep = {"modification_time": "preserve", "access_time": "preserve"}
    assert do("file", path=str(path), state="touch")["changed"]
    assert do("file", path=str(path), modification_time="202001020304.05")["changed"]
    assert not do("file", path=str(path), modification_time="202001020304.05")["changed"]
    before = path.stat().st_mtime
    assert not do("file", path=str(path), state="touch", **keep)["changed"]
    assert path.stat().st_mtime == before
    assert do("file", path=str(path), state="touch")["changed"]
    assert path.stat().st_mtime > before


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"path": "none", "state": "file"}, "file (none) is absent, cannot continue"),
        ({"path": "none", "state": "sideways"}, "value of state must be one of"),
        ({"path": "f", "recurse": True}, "recurse option requires state to be 'directory'"),
        ({"path": "f", "src": "x"}, "src option requires state to be 'link' or 'hard'"),
        ({"path": "f", "state": "directory"}, "f already exists as a file"),
        ({"path": "none", "state": "link"}, "src is required for creating new symlinks"),
        ({"path": "f", "state": "hard", "src": "none"}, "src does not exist"),
        ({"path": "f", "group": "no-such-group"}, "chgrp failed: failed to look up group no-such-group"),
        ({"path": "f", "colour": "red"}, "Unsupported parameters for"),
    ],
)
def test_refusals_in_ansibles_words(
    do: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: dict[str, Any], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f").touch()
    result = do("file", **args)
    assert result["failed"]
    assert text in result["msg"]
