"""The journal's folders belong to the operator alone."""

from __future__ import annotations

import stat
from pathlib import Path

from kprov.playbook.results.journal import Journal


def test_a_journal_makes_all_missing_folders_private(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "artifacts/journal")
    journal.write("end")
    for folder in (tmp_path / "artifacts", tmp_path / "artifacts/journal"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert journal.path is not None
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
