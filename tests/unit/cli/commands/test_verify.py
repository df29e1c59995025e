"""What `kprov verify` prints: a table for people, a document for programs."""

from __future__ import annotations

import pytest

from kprov.cli.commands import verify
from kprov.verify.model import CheckResult

PASSED = CheckResult("node1", "units", "kubelet", ok=True, detail="running", seconds=0.1)
FAILED = CheckResult("node1", "units", "etcd", ok=False, detail="inactive", seconds=0.1)
WARNING = CheckResult(
    "cluster", "unenforced", "APIService x", ok=True, warning=True, detail="has no effect", seconds=0.1
)


def test_a_warning_fails_nothing_and_is_counted_apart() -> None:
    document = verify.results_document([PASSED, WARNING])
    assert (document["ok"], document["passed"], document["failed"], document["warnings"]) == (True, 1, 0, 1)
    assert [result["warning"] for result in document["results"]] == [False, True]


def test_the_table_shows_warnings_without_all(capsys: pytest.CaptureFixture[str]) -> None:
    verify.print_results([PASSED, WARNING], every=False)
    printed = capsys.readouterr().out
    assert "warning   APIService x   has no effect" in printed
    assert "running" not in printed
    assert printed.endswith("1 checks passed, 0 failed, 1 with a warning\n")


def test_the_last_line_is_silent_about_warnings_where_there_are_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    verify.print_results([PASSED, FAILED], every=False)
    printed = capsys.readouterr().out
    assert printed.endswith("1 checks passed, 1 failed\n")
    assert "FAILED   etcd" in printed


def test_what_a_user_wants_to_see_is_shown_if_nothing_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    proof = CheckResult("node1", "snapshots", "proof", True, "proven 3 min ago", seconds=0.1, headline=True)
    verify.print_results([proof, PASSED], every=False)
    assert "proven 3 min ago" in capsys.readouterr().out
    verify.print_results([proof], every=True)
    assert capsys.readouterr().out.count("proven 3 min ago") == 1
