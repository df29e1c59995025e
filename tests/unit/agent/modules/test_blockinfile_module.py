"""blockinfile: a block between its markers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]
BEGIN, END = "# BEGIN ANSIBLE MANAGED BLOCK\n", "# END ANSIBLE MANAGED BLOCK\n"


@pytest.mark.parametrize(
    ("args", "after"),
    [
        ({}, f"a\nb\n{BEGIN}x\n{END}"),
        ({"insertbefore": "BOF"}, f"{BEGIN}x\n{END}a\nb\n"),
        ({"insertafter": "^a"}, f"a\n{BEGIN}x\n{END}b\n"),
        (
            {"insertbefore": "^b", "prepend_newline": True, "append_newline": True},
            f"a\n\n{BEGIN}x\n{END}\nb\n",
        ),
        ({"marker": "; {mark}", "marker_begin": "1", "marker_end": "2"}, "a\nb\n; 1\nx\n; 2\n"),
        ({"insertafter": r"(?m)^a\nb"}, f"a\nb\n{BEGIN}x\n{END}"),
    ],
)
def test_the_block_is_in_its_place_once(do: Run, tmp_path: Path, args: dict[str, Any], after: str) -> None:
    path = tmp_path / "f"
    path.write_text("a\nb")
    assert do("blockinfile", path=str(path), block="x", check=True, **args)["msg"] == "Block inserted"
    assert do("blockinfile", path=str(path), block="x", **args)["msg"] == "Block inserted"
    assert path.read_text().rstrip("\n") == after.rstrip("\n")
    assert not do("blockinfile", path=str(path), block="x\n", **args)["changed"]


def test_it_is_changed_and_taken_away(do: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("first\n")
    do("blockinfile", path=str(path), block="x\ny")
    do("blockinfile", path=str(path), block="z")
    assert path.read_text() == f"first\n{BEGIN}z\n{END}"
    assert do("blockinfile", path=str(path), state="absent")["msg"] == "Block removed"
    assert path.read_text() == "first\n"
    assert not do("blockinfile", path=str(path), block="")["changed"]


def test_files_that_are_not_there(do: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    assert do("blockinfile", path=str(path), block="x")["msg"] == f"Path {path} does not exist !"
    result = do("blockinfile", path=str(path), block="x", create=True, mode="0600")
    assert result["msg"] == "File created and ownership, perms or SE linux context changed"
