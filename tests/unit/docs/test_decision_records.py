"""docs/decisions/README.md lists every record, and says of each missing number what became of it."""

from __future__ import annotations

import re
from pathlib import Path

_FOLDER = Path(__file__).parents[3] / "docs" / "decisions"


def test_every_record_is_listed_in_order() -> None:
    rows = re.findall(r"^\| \[?(\d{3})", (_FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    records = {path.name[:3] for path in _FOLDER.glob("[0-9]*.md")}
    assert records <= set(rows)
    assert rows == [f"{number:03}" for number in range(1, len(rows) + 1)]
