"""The summary at the end of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.cli.output import summary
from kprov.playbook.results.run_result import HostStats, RunResult, TaskTime


def test_ok_is_counted_once_and_a_failure_says_what_is_next(capsys: pytest.CaptureFixture[str]) -> None:
    error = {"host": "a", "task": "Run", "outcome": "failed", "message": "no", "place": "site.yml:9"}
    summary.print_summary(
        RunResult(
            hosts={"a": HostStats(ok=3, changed=2, failed=1)},
            tasks=[TaskTime("Run", 2.0), TaskTime("Fast", 0.01)],
            errors=[error],
            journal=Path("journal"),
        ),
        check=False,
        inventory=["inventories/my lab", "extra.yml"],
    )
    said = capsys.readouterr().out
    assert ["a", "3", "2", "0", "1", "0", "0", "0"] in [line.split() for line in said.splitlines()]
    assert "  a: failed: Run (site.yml:9)\n    no\n" in said
    assert "`kprov resume -i 'inventories/my lab' -i extra.yml`" in said
    assert "exit code 1: a task failed on a host" in said
    assert "Fast" not in said


def test_a_good_run_has_no_advice(capsys: pytest.CaptureFixture[str]) -> None:
    summary.print_summary(RunResult(hosts={"a": HostStats(ok=1)}), check=False, inventory=[])
    said = capsys.readouterr().out
    assert "resume" not in said
    assert "exit code 0" in said
