"""Modules of the agent: arguments and state in, Ansible's result and state out."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from kprov.agent.context import Context
from kprov.agent.main import run_module


def do(
    module: str,
    *,
    check: bool = False,
    diff: bool = False,
    blobs: dict[str, bytes] | None = None,
    **args: Any,
) -> dict[str, Any]:
    def fetch(sha256: str, path: str) -> None:
        raise AssertionError(f"{sha256} was asked for, for {path}")

    return run_module(
        module, args, Context(check=check, diff=diff, environment={}, blobs=blobs or {}, fetch=fetch)
    )


def bring(dest: Path, text: str, **more: Any) -> dict[str, Any]:
    data = text.encode()
    sha256 = hashlib.sha256(data).hexdigest()
    return do("copy", blobs={sha256: data}, dest=str(dest), _sha256=sha256, **more)


def test_copy_writes_once_and_keeps_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "f"
    assert bring(path, "one\n", mode="0640")["changed"]
    assert not bring(path, "one\n", mode="0640")["changed"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert bring(path, "two\n")["changed"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_copy_leaves_the_file_when_its_validation_fails(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("good\n")
    result = bring(path, "bad\n", validate="grep -q good %s")
    assert result["failed"]
    assert path.read_text() == "good\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_check_mode_says_what_would_change_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old\n")
    data = b"new\n"
    sha256 = hashlib.sha256(data).hexdigest()
    result = do("copy", check=True, diff=True, blobs={sha256: data}, dest=str(path), _sha256=sha256)
    assert result["changed"]
    assert (result["diff"][0]["before"], result["diff"][0]["after"]) == ("old\n", "new\n")
    assert path.read_text() == "old\n"


@pytest.mark.parametrize(
    ("mode", "before", "after"),
    [
        ("0600", 0o644, 0o600),
        ("u=rwx,g=rx,o=", 0o644, 0o750),
        ("a+x", 0o644, 0o755),
        ("go-rwx", 0o777, 0o700),
    ],
)
def test_file_takes_modes_as_numbers_and_symbols(tmp_path: Path, mode: str, before: int, after: int) -> None:
    path = tmp_path / "f"
    path.touch()
    path.chmod(before)
    assert do("file", path=str(path), mode=mode)["changed"]
    assert path.stat().st_mode & 0o777 == after
    assert not do("file", path=str(path), mode=mode)["changed"]


def test_file_makes_and_removes_directories_and_links(tmp_path: Path) -> None:
    folder, link = tmp_path / "a" / "b", tmp_path / "l"
    assert do("file", path=str(folder), state="directory", mode="0700")["changed"]
    assert not do("file", path=str(folder), state="directory", mode="0700")["changed"]
    assert do("file", path=str(link), src=str(folder), state="link")["changed"]
    assert not do("file", path=str(link), src=str(folder), state="link")["changed"]
    assert do("file", path=str(tmp_path / "a"), state="absent")["changed"]
    assert not do("file", path=str(tmp_path / "a"), state="absent")["changed"]


def test_lineinfile_replaces_the_last_match_and_adds_when_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("1 a\n2 b\n")
    assert do("lineinfile", path=str(path), regexp="b$", line="3 b")["msg"] == "line replaced"
    assert do("lineinfile", path=str(path), line="4 c")["msg"] == "line added"
    assert not do("lineinfile", path=str(path), line="4 c")["changed"]
    assert path.read_text() == "1 a\n3 b\n4 c\n"
    assert do("lineinfile", path=str(path), regexp="^1", state="absent")["changed"]
    assert path.read_text() == "3 b\n4 c\n"


def test_blockinfile_keeps_one_block_and_takes_it_away(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("first\n")
    assert do("blockinfile", path=str(path), block="x\ny")["msg"] == "Block inserted"
    assert not do("blockinfile", path=str(path), block="x\ny\n")["changed"]
    do("blockinfile", path=str(path), block="z")
    assert path.read_text() == "first\n# BEGIN ANSIBLE MANAGED BLOCK\nz\n# END ANSIBLE MANAGED BLOCK\n"
    do("blockinfile", path=str(path), state="absent")
    assert path.read_text() == "first\n"


def test_command_reports_its_end_and_is_skipped_by_what_it_creates(tmp_path: Path) -> None:
    assert do("command", cmd="printf 'a\\nb'")["stdout_lines"] == ["a", "b"]
    assert do("command", cmd="false")["rc"] == 1
    assert do("command", cmd="no-such-program")["rc"] == 2
    assert not do("command", cmd="false", creates=str(tmp_path))["changed"]
    assert do("command", check=True, cmd="false")["skipped"]


def test_unarchive_refuses_members_outside_of_its_folder(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../out"))
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    result = do("unarchive", blobs={sha256: buffer.getvalue()}, src="x.tgz", dest=str(tmp_path), _sha256=sha256)
    assert result["failed"]
    assert "failed to unpack" in result["msg"]
    assert not (tmp_path.parent / "out").exists()


def test_stat_find_and_slurp_look_only(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("x")
    assert do("stat", path=str(tmp_path / "a.conf"))["stat"]["isreg"]
    assert do("stat", path=str(tmp_path / "none"))["stat"] == {"exists": False}
    assert [entry["path"] for entry in do("find", paths=str(tmp_path), patterns="*.conf")["files"]] == [
        str(tmp_path / "a.conf")
    ]
    assert do("slurp", src=str(tmp_path / "a.conf"))["content"] == "eA=="


def test_a_module_that_raises_is_a_failed_result() -> None:
    assert do("file", path="/x", state="sideways")["failed"]
    assert do("copy", dest="/nowhere/at/all/", _sha256="")["failed"]
