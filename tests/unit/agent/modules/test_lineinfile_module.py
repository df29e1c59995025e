"""lineinfile: one line, in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]
BEFORE = "a = 1\nb = 2\n[s]\nb = 3\n"


@pytest.mark.parametrize(
    ("args", "after", "message"),
    [
        ({"line": "c"}, BEFORE + "c\n", "line added"),
        ({"line": "b = 2"}, BEFORE, ""),
        ({"line": "c", "insertbefore": "BOF"}, "c\n" + BEFORE, "line added"),
        ({"regexp": "^b = [23]", "line": "b = 4"}, "a = 1\nb = 2\n[s]\nb = 4\n", "line replaced"),
        ({"regexp": "^b", "line": "c", "firstmatch": True}, "a = 1\nc\n[s]\nb = 3\n", "line replaced"),
        ({"regexp": "^x", "line": "x", "insertafter": "^a"}, "a = 1\nx\nb = 2\n[s]\nb = 3\n", "line added"),
        (
            {"regexp": "^x", "line": "x", "insertbefore": r"^\["},
            "a = 1\nb = 2\nx\n[s]\nb = 3\n",
            "line added",
        ),
        (
            {"regexp": r"^(a) = (\d)", "line": r"\1=\g<2>0", "backrefs": True},
            "a=10\n" + BEFORE[6:],
            "line replaced",
        ),
        ({"regexp": r"^(x)", "line": r"\1", "backrefs": True}, BEFORE, ""),
        ({"search_string": "[s]", "line": "[t]"}, "a = 1\nb = 2\n[t]\nb = 3\n", "line replaced"),
        ({"regexp": "^b", "state": "absent"}, "a = 1\n[s]\n", "2 line(s) removed"),
        ({"line": "[s]", "state": "absent"}, "a = 1\nb = 2\nb = 3\n", "1 line(s) removed"),
    ],
)
def test_the_line_is_in_its_place_once(
    do: Run, tmp_path: Path, args: dict[str, Any], after: str, message: str
) -> None:
    path = tmp_path / "f"
    path.write_text(BEFORE)
    assert do("lineinfile", check=True, path=str(path), **args)["msg"] == message
    assert path.read_text() == BEFORE
    result = do("lineinfile", path=str(path), diff=True, **args)
    assert (result["msg"], result["changed"]) == (message, bool(message))
    assert (path.read_text(), result["diff"][0]["after"]) == (after, after)
    if message != "line replaced":
        assert not do("lineinfile", path=str(path), **args)["changed"]


def test_a_last_line_without_a_newline_gets_one(do: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one\r\ntwo\xff")
    do("lineinfile", path=str(path), line="three")
    assert path.read_bytes() == b"one\r\ntwo\xff\nthree\n"


def test_attributes_are_part_of_the_message(do: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    text = "ownership, perms or SE linux context changed"
    assert (
        do("lineinfile", path=str(path), line="x", create=True, mode="0600")["msg"]
        == f"line added and {text}"
    )
    assert do("lineinfile", path=str(path), line="x", mode="0640")["msg"] == text
    assert path.stat().st_mode & 0o777 == 0o640


def test_refusals(do: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    assert do("lineinfile", path=str(path), line="x")["rc"] == 257
    assert do("lineinfile", path=str(tmp_path), line="x")["rc"] == 256
    path.write_text("x\n")
    assert do("lineinfile", path=str(path))["msg"] == "line is required with state=present"
    result = do("lineinfile", path=str(path), line="y", validate="grep y %s /none")
    assert result["msg"].startswith("failed to validate: rc:2 error:")
    assert path.read_text() == "x\n"
