"""A run's lines where no terminal is: one an event, the same every time."""

from __future__ import annotations

import re

import pytest

from kprov.cli.output.live_view import View
from kprov.cli.output.progress import Progress
from kprov.cli.output.result_lines import failure_reasons


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [re.sub(r"^ +[0-9.]+s  ", "", line) for line in capsys.readouterr().out.splitlines()]


def test_changes_and_failures_are_lines_and_what_is_ok_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.play_started("Web", ["a", "b"])
    progress.host_done("a", "Copy", "changed", {"changed": True}, 0.1, "site.yml:3")
    progress.host_done("b", "Copy", "ok", {}, 0.1, "site.yml:3")
    progress.host_done("b", "Run", "failed", {"msg": "no", "stderr": "why"}, 0.1, "site.yml:9")
    assert lines(capsys) == [
        "play        Web (2 hosts)",
        "changed     a: Copy",
        "failed      b: Run (site.yml:9)",
        "           no",
        "           why",
    ]


def test_a_program_that_failed_without_an_error_is_quoted_from_its_output() -> None:
    assert failure_reasons({"msg": "non-zero", "stderr": "", "stdout": "a\nSorry: b\n"}) == [
        "non-zero",
        "a",
        "Sorry: b",
    ]
    assert failure_reasons({"msg": "non-zero", "stderr": "why", "stdout": "a"}) == ["non-zero", "why"]


def test_verbose_shows_what_is_ok_and_more_shows_results(capsys: pytest.CaptureFixture[str]) -> None:
    Progress(verbose=1).host_done("a", "Copy", "skipped", {}, 0.1, "")
    Progress(verbose=2).host_done("a", "Copy", "ok", {"rc": 0, "_hidden": 1}, 0.1, "")
    said = lines(capsys)
    assert said[:2] == ["skipped     a: Copy", "ok          a: Copy"]
    assert '             "rc": 0' in said
    assert "_hidden" not in "".join(said)


def test_debug_messages_are_always_printed(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().host_done("a", "Tell", "ok", {"msg": "hello", "_ansible_verbose_always": True}, 0.1, "")
    assert lines(capsys) == ["ok          a: Tell", "           hello"]


def test_warnings_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().warning("beware")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "warning: beware\n")


def test_the_live_view_names_hosts_at_work_and_waiting() -> None:
    view = View()
    view.play("Web")
    view.task("Copy", ["a", "b", "c"])
    view.started("a", "Copy")
    view.started("b", "Copy")
    view.retry("b", 1, 4)
    view.done("a")
    assert view.lines(10) == [
        "Web: Copy  1/3 hosts  0s",
        "  b  0s  Copy  attempt 1, 4 left",
        "  waiting (1): c",
    ]


def test_a_change_that_check_mode_cannot_foresee_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().host_done("a", "Copy", "changed", {"unforeseen": "no such file"}, 0.1, "")
    assert lines(capsys) == [
        "changed     a: Copy",
        "           known only when the changes before it are made",
    ]
