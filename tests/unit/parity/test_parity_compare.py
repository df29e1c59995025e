"""What the parity harness takes for the same and what for a difference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.parity import compare, corpus, differences, normalise
from tests.parity.compare import Difference, Side
from tests.parity.corpus import Case
from tests.parity.twins import Host, Twin

CASE = Case("case", "case.yml", (), ("first",), "one", per_host=False, refused=False)


def twin(engine: str, address: str = "192.0.2.1") -> Twin:
    return Twin(engine, Host({"ansible_host": address}), Path("/srv") / engine)


def side(*events: dict[str, Any], ok: int = 1) -> Side:
    """A run of one play on the host `one`, with tasks given as events."""
    play = {"event": "play", "name": "Play"}
    stats = {"event": "stats", "hosts": {"one": {"ok": ok, "failed": 0}}}
    return Side.of([play, *events, stats], twin("kprov"))


def result(task: str, outcome: str = "ok", **values: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A task's start and its result on `one`."""
    event = {"event": "result", "host": "one", "task": task, "outcome": outcome, "result": values}
    return {"event": "task", "name": task, "handler": False}, event


def found(ansible: Side, kprov: Side) -> list[tuple[str, str]]:
    return [(one.task, one.key) for one in compare.records(CASE, "first", ansible, kprov)]


def test_equal_runs_have_no_differences() -> None:
    assert found(side(*result("A", rc=0)), side(*result("A", rc=0))) == []


def test_a_value_of_another_type_differs() -> None:
    assert found(side(*result("A", rc=0)), side(*result("A", rc=False))) == [("A", "rc")]


def test_a_key_that_only_ansible_has_differs_and_one_that_only_kprov_has_does_not() -> None:
    assert found(side(*result("A", x=1)), side(*result("A"))) == [("A", "x")]
    assert found(side(*result("A")), side(*result("A", x=1))) == []


def test_items_are_compared_individually() -> None:
    theirs = side(*result("A", results=[{"item": 1}, {"item": 2}]))
    ours = side(*result("A", results=[{"item": 1}, {"item": 3}]))
    assert found(theirs, ours) == [("A", "results.1.item")]


def test_another_outcome_differs() -> None:
    assert found(side(*result("A", "changed")), side(*result("A", "ok"))) == [("A", "outcome")]


def test_another_order_of_tasks_differs() -> None:
    theirs = side(*result("A"), *result("B"))
    ours = side(*result("B"), *result("A"))
    assert found(theirs, ours) == [("(all)", "order"), ("(all)", "tasks")]


def test_task_starts_that_nothing_came_of_do_not_count() -> None:
    start, _ = result("meta")
    assert found(side(start, *result("A")), side(*result("A"))) == []


def test_a_play_s_own_gathering_of_facts_counts_on_neither_side() -> None:
    assert found(side(*result("Gathering Facts"), *result("A"), ok=2), side(*result("A"), ok=1)) == []


def test_only_one_side_refusing_is_a_difference() -> None:
    refused = Side.of([{"event": "refused", "message": "no such keyword"}], twin("kprov"))
    assert found(side(*result("A")), refused) == [("(load)", "refused")]


def test_both_sides_refusing_is_a_difference_unless_the_playbook_says_so() -> None:
    refused = Side.of([{"event": "refused", "message": "no such keyword"}], twin("kprov"))
    assert found(refused, refused) == [("(load)", "refused")]
    said = Case("case", "case.yml", (), ("first",), "one", per_host=False, refused=True)
    assert compare.records(said, "first", refused, refused) == []


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("/etc/x.1234.2026-01-02@03:04:05~", "/etc/x.BACKUP~"),
        ("at 192.0.2.1 in /srv/kprov/corpus", "at HOST in /WORK/corpus"),
        ("/root/.ansible/tmp/ansible-tmp-1.2-3-4/.source", "/TEMPORARY/.source"),
        ("'end': '2026-01-02 05:10:59.998877', 'delta': '0:00:01.002003'", "'end': 'TIME', 'delta': 'TIME'"),
    ],
)
def test_what_differs_between_any_two_runs_is_taken_out(text: str, plain: str) -> None:
    assert normalise.text(text, twin("kprov")) == plain


def test_only_what_a_run_changed_is_compared_of_two_hosts() -> None:
    before = {"tree": {"/etc/old": {"mode": "0644"}}}
    theirs = {"tree": {"/etc/old": {"mode": "0644"}, "/etc/new": {"mode": "0600"}}}
    ours = {"tree": {"/etc/old": {"mode": "0644"}, "/etc/new": {"mode": "0644"}}}
    pair = (twin("kprov"), twin("ansible", "192.0.2.2"))
    differs = compare.states("case", "first", (before, theirs), (before, ours), pair)
    assert [(one.key, one.ansible["mode"], one.kprov["mode"]) for one in differs] == [
        ("tree:/etc/new", "0600", "0644")
    ]
    assert compare.states("case", "first", (before, theirs), (before, theirs), pair) == []


def test_a_playbook_says_in_its_head_how_it_wants_to_be_played(tmp_path: Path) -> None:
    path = tmp_path / "tags_one.yml"
    path.write_text(
        "# parity: options --tags a\n# parity: options --tags 'b c'\n# parity: runs first\n- hosts: all\n"
    )
    assert [(case.name, case.options, case.runs) for case in corpus.read(path)] == [
        ("tags_one.1", ("--tags", "a"), ("first",)),
        ("tags_one.2", ("--tags", "b c"), ("first",)),
    ]


def test_every_known_difference_has_its_reason() -> None:
    assert all(known.reason.strip() for known in differences.known())


def test_a_known_difference_covers_what_its_patterns_match_and_nothing_else() -> None:
    known = differences.Known(case="copy*", task="*", key="*msg", reason="x", ansible="Task failed: *")
    assert known.covers(Difference("copy", "first", "A", "one", "results.0.msg", "Task failed: y", "z"))
    assert not known.covers(Difference("copy", "first", "A", "one", "results.0.msg", "y", "z"))
    assert not known.covers(Difference("file", "first", "A", "one", "msg", "Task failed: y", "z"))
