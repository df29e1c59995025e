"""replace: every match of a pattern."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("args", "after", "message"),
    [
        ({"regexp": "^a", "replace": "b"}, "b 1\nb 2\nend\n", "2 replacements made"),
        ({"regexp": r"(\w) (\d)", "replace": r"\2 \1"}, "1 a\n2 a\nend\n", "2 replacements made"),
        ({"regexp": "a", "replace": "b", "after": "1"}, "a 1\nb 2\nend\n", "1 replacements made"),
        ({"regexp": "a", "replace": "b", "before": "2"}, "b 1\nb 2\nend\n", "2 replacements made"),
        (
            {"regexp": "a", "replace": "b", "after": "1", "before": "end"},
            "a 1\nb 2\nend\n",
            "1 replacements made",
        ),
        ({"regexp": "^end\n"}, "a 1\na 2\n", "1 replacements made"),
        ({"regexp": "none"}, "a 1\na 2\nend\n", ""),
    ],
)
def test_matches_are_replaced(
    do: Run, tmp_path: Path, args: dict[str, Any], after: str, message: str
) -> None:
    path = tmp_path / "f"
    path.write_text("a 1\na 2\nend\n")
    assert do("replace", path=str(path), check=True, **args)["changed"] == bool(message)
    result = do("replace", path=str(path), **args)
    assert (path.read_text(), result["msg"], result["rc"]) == (after, message, 0)


def test_a_section_that_is_not_there_and_a_bad_group(do: Run, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("x")
    said = do("replace", path=str(path), regexp="x", after="none")["msg"]
    assert said == "Pattern for before/after params did not match the given file: none(?P<subsection>.*)"
    assert "Unable to process replace" in do("replace", path=str(path), regexp="x", replace=r"\3")["msg"]
