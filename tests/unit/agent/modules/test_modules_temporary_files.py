"""What modules write aside goes through kprov.agent.temporary_files: it sweeps where a killed agent left something."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kprov.agent import temporary_files
from kprov.agent.modules import async_start, cron
from kprov.agent.system import user_home

Do = Callable[..., dict[str, Any]]


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that an agent of an earlier boot left where temporary files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = tmp_path / f"{temporary_files.PREFIX}{temporary_files.machine_id()}-{'0' * 8}-1-1-abcdefgh"
    path.write_text("secret")
    return path


def test_assemble_shows_its_judge_such_a_file(do: Do, left: Path, tmp_path: Path) -> None:
    (tmp_path / "fragments").mkdir()
    (tmp_path / "fragments" / "1").write_text("one\n")
    args = {"src": str(tmp_path / "fragments"), "dest": str(tmp_path / "dest"), "validate": "grep one %s"}
    assert do("assemble", **args)["validation"]["stdout"] == "one\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["dest", "fragments"]


def test_a_background_task_s_results(left: Path, tmp_path: Path) -> None:
    async_start._write(str(tmp_path / "job"), {"finished": True})
    assert [one.name for one in tmp_path.iterdir()] == ["job"]


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_the_program_that_tells_a_passphrase(left: Path, tmp_path: Path) -> None:
    code, _, error = user_home._run_keygen(
        ["ssh-keygen", "-q", "-t", "ed25519", "-f", str(tmp_path / "key")], "a passphrase"
    )
    assert code == 0, error
    assert sorted(one.name for one in tmp_path.iterdir()) == ["key", "key.pub"]


def test_a_crontab_and_only_its_backup_stays(
    left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, kept = tmp_path / "bin", tmp_path / "table"
    programs.mkdir()
    kept.write_text("@daily /bin/true\n")
    crontab = programs / "crontab"  # which would need root, and is not on every machine
    crontab.write_text(f'#!/bin/sh\n[ "$1" = -l ] && exec /bin/cat {kept}\nexec /bin/cp "$1" {kept}\n')
    crontab.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    table = cron._Table(None, None)
    backup = Path(table.write_backup())
    table.lines.append("@weekly /bin/false")
    table.write()
    assert backup.read_text() == "@daily /bin/true\n"
    assert kept.read_text() == "@daily /bin/true\n@weekly /bin/false\n"
    assert set(tmp_path.iterdir()) == {programs, kept, backup}
