"""ini_file: options in sections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]
BEFORE = "top = 1\n\n[one]\na = 1\n;b = 2\nb=3\n\n[two]\na=1\n"


@pytest.mark.parametrize(
    ("args", "after", "message"),
    [
        ({"section": "one", "option": "a", "value": "2"}, BEFORE.replace("a = 1", "a = 2"), "option changed"),
        ({"section": "one", "option": "a", "value": "1"}, BEFORE, "OK"),
        ({"section": "two", "option": "a", "value": "1"}, BEFORE.replace("a=1", "a = 1"), "option changed"),
        ({"section": "two", "option": "a", "value": "1", "ignore_spaces": True}, BEFORE, "OK"),
        (
            {"section": "one", "option": "b", "value": "2"},
            BEFORE.replace(";b = 2\nb=3", "b = 2"),
            "option changed",
        ),
        (
            {"section": "one", "option": "c", "value": "1"},
            BEFORE.replace("b=3\n", "b=3\nc = 1\n"),
            "option added",
        ),
        ({"option": "new", "value": "1"}, BEFORE.replace("top = 1\n", "top = 1\nnew = 1\n"), "option added"),
        ({"section": "x", "option": "a", "value": "1"}, BEFORE + "[x]\na = 1\n", "section and option added"),
        ({"section": "two", "option": "f", "allow_no_value": True}, BEFORE + "f\n", "option added"),
        ({"section": "one", "option": "b", "state": "absent"}, BEFORE.replace("b=3\n", ""), "option changed"),
        ({"section": "two", "state": "absent"}, BEFORE.replace("[two]\na=1\n", ""), "section removed"),
        ({"section": "x", "state": "absent"}, BEFORE, "OK"),
    ],
)
def test_options_and_sections(
    do: Run, tmp_path: Path, args: dict[str, Any], after: str, message: str
) -> None:
    path = tmp_path / "f"
    path.write_text(BEFORE)
    assert do("ini_file", check=True, path=str(path), **args)["msg"] == message
    assert path.read_text() == BEFORE
    result = do("ini_file", path=str(path), **args)
    assert (path.read_text(), result["msg"], result["changed"]) == (after, message, message != "OK")
    assert not do("ini_file", path=str(path), **args)["changed"]


def test_sections_are_known_by_their_values(do: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("[s]\nkey = x\n[s]\nkey = y\n")
    known = [{"option": "key", "value": "y"}]
    do("ini_file", path=str(path), section="s", section_has_values=known, option="a", value="1")
    assert path.read_text() == "[s]\nkey = x\n[s]\nkey = y\na = 1\n"
