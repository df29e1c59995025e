"""An unexpected exception leaves its traceback in a file, without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.cli import crash_report
from kprov.inventory import secrets


def test_the_traceback_is_its_owners_and_has_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    secrets.register("never-to-be-seen")
    path = crash_report.write_report(ValueError("has never-to-be-seen in it"))
    secrets.forget()
    assert path.parent == tmp_path / "kprov"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "ValueError: has ******** in it" in path.read_text()
