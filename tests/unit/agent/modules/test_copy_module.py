"""copy: files brought by the operator or copied on the host."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_it_writes_once_and_keeps_the_mode(bring: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    assert bring(path, "one\n", mode="0640")["changed"]
    assert not bring(path, "one\n", mode="0640")["changed"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert bring(path, "two\n")["changed"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert names(tmp_path) == ["f"]


def test_results_have_ansibles_names(bring: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    made, same = bring(path, "x"), bring(path, "x")
    sums = {"checksum": "11f6ad8ec52a2984abaafd7c3b516503785c2072"}
    assert made.items() >= {"dest": str(path), "md5sum": "9dd4e461268c8034f5c8564e155c67a6", **sums}.items()
    assert same.items() >= {"dest": str(path), "path": str(path), "state": "file", "size": 1, **sums}.items()


def test_the_file_stays_when_its_validation_fails(bring: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("good\n")
    result = bring(path, "bad\n", validate="grep good %s")
    assert (result["msg"], result["exit_status"]) == ("failed to validate", 1)
    assert path.read_text() == "good\n"
    assert names(tmp_path) == ["f"]


def test_check_mode_says_what_would_change_and_changes_nothing(bring: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old\n")
    result = bring(path, "new\n", check=True, diff=True)
    assert result["changed"]
    assert (result["diff"][0]["before"], result["diff"][0]["after"]) == ("old\n", "new\n")
    assert path.read_text() == "old\n"


def test_a_link_is_followed_or_replaced(bring: Run, tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("same")
    link.symlink_to(target)
    assert not bring(link, "same", follow=True)["changed"]
    assert bring(link, "other", follow=True)["changed"]
    assert (link.is_symlink(), target.read_text()) == (True, "other")
    assert bring(link, "other")["changed"]
    assert (link.is_symlink(), link.read_text()) == (False, "other")
    assert not bring(link, "other")["changed"]


@pytest.mark.parametrize(
    ("dest", "more", "text"),
    [
        ("none/f", {}, "Destination directory"),
        ("folder", {}, "can not use content with a dir as dest"),
        ("f", {"owner": "no-such-user"}, "chown failed: failed to look up user no-such-user"),
        ("f", {"mode": "sideways"}, "mode must be in octal or symbolic form"),
        ("f", {"checksum": "0"}, "Copied file does not match the expected checksum"),
        ("f", {"validate": "true"}, "validate must contain %s: true"),
    ],
)
def test_refusals_leave_nothing_behind(
    bring: Run, tmp_path: Path, dest: str, more: dict[str, Any], text: str
) -> None:
    (tmp_path / "folder").mkdir()
    result = bring(tmp_path / dest, "x", **more)
    assert result["failed"]
    assert text in result["msg"]
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == []


def test_folders_are_made_for_a_dest_that_ends_with_a_slash(bring: Run, tmp_path: Path) -> None:
    result = bring(f"{tmp_path}/a/b/", "x", _name="name", directory_mode="0700", mode="0600")
    assert result["dest"] == f"{tmp_path}/a/b/name"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a/b/name").stat().st_mode & 0o777 == 0o600


def test_what_is_there_stays_without_force_and_goes_beside_with_backup(bring: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    assert not bring(path, "new", force=False)["changed"]
    saved = bring(path, "new", backup=True)["backup_file"]
    assert (Path(saved).read_text(), path.read_text()) == ("old", "new")
    again = bring(path, "newer", backup=True)["backup_file"]
    assert (Path(saved).read_text(), Path(again).read_text()) == ("old", "new")


def test_a_tree_has_its_files_folders_and_links(do: Run, tmp_path: Path) -> None:
    sha = hashlib.sha256(b"x").hexdigest()
    tree = {
        "files": [["sub/f", sha, 0o640, 1], ["g", sha, 0o600, 1]],
        "folders": ["sub", "empty"],
        "links": [["g", "sub/l"]],
    }
    args: dict[str, Any] = {"dest": f"{tmp_path}/t", "mode": "preserve", "_tree": tree, "blobs": {sha: b"x"}}
    assert do("copy", check=True, **args)["changed"]
    assert not (tmp_path / "t").exists()
    assert do("copy", **args)["changed"]
    assert not do("copy", **args)["changed"]
    assert (tmp_path / "t/sub/f").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "t/sub/l").readlink() == Path("g")
    assert (tmp_path / "t/empty").is_dir()


def test_files_and_folders_of_the_host(do: Run, tmp_path: Path) -> None:
    (tmp_path / "a/sub").mkdir(parents=True)
    (tmp_path / "a/sub/f").write_text("f")
    (tmp_path / "a/l").symlink_to("sub/f")
    for _ in ("first", "again"):
        result = do("copy", src=f"{tmp_path}/a", dest=f"{tmp_path}/b", remote_src=True)
        assert result["changed"] == (_ == "first")
    assert (tmp_path / "b/a/sub/f").read_text() == "f"
    assert (tmp_path / "b/a/l").readlink() == Path("sub/f")
    result = do("copy", src=f"{tmp_path}/a/sub/f", dest=f"{tmp_path}/c", remote_src=True, mode="preserve")
    assert result["changed"]
    assert do("copy", src=f"{tmp_path}/none", dest="/x", remote_src=True)["msg"].endswith("none not found")
