"""The journal's folders belong to the operator alone."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

from kprov.playbook.results.journal import Journal


def test_a_journal_makes_all_missing_folders_private(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "artifacts/journal")
    journal.write("end")
    for folder in (tmp_path / "artifacts", tmp_path / "artifacts/journal"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert journal.path is not None
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def test_a_run_goes_on_without_a_journal_when_the_disk_is_full(tmp_path: Path) -> None:
    """A limit on the size of files ends writes as a full disk does."""
    (tmp_path / "hosts.yml").write_text("all: {hosts: {a: {ansible_connection: local}}}\n")
    tasks = "    - {name: work, stat: {path: /}, loop: '{{ range(60) | list }}', register: r}\n"
    (tmp_path / "play.yml").write_text(
        f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks * 2}    - {{name: last, debug: {{msg: end}}}}\n"
    )
    line = f"ulimit -f 4; exec {sys.executable} -m kprov.cli.main play -i hosts.yml play.yml | cat"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("cannot be written (File too large)")) == (0, 1), done.stderr
    assert "the run goes on without it" in done.stderr
    assert "last" in done.stdout or "end" in done.stdout
    (journal,) = (tmp_path / "artifacts/journal").iterdir()
    assert json.loads(journal.read_text().splitlines()[0])["event"] == "run"
