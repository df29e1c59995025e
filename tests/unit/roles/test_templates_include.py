"""Includes in templates, by what Jinja2 does to the ends of lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted([*(ROOT / "templates").glob("*.j2"), *(ROOT / "roles").glob("*/templates/*.j2")])


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_after_an_include_comes_a_blank_line(path: Path) -> None:
    """An included file ends without its last newline, and so does the line that includes it."""
    joined = re.findall(r"^\{% include .*%\}\n[^\n]+", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert joined == []
