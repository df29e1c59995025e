"""Plans: saved and read, compared with the hosts, and what restarts do to a quorum."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations import plan
from kprov.playbook.results.changes import Change

FILE = Change(
    "node1", "etcd : Configure etcd", "tasks/main.yml:3", "file", "/etc/etcd.yml", diff=[{"after": "x"}]
)
RESTART = Change("node1", "etcd : Restart etcd", "handlers/main.yml:9", "service", "etcd", "restarted")


def made(*changes: Change) -> plan.Plan:
    return plan.Plan("/i", list(changes), {"limit": None, "tags": ["all"], "skip_tags": []}, 1.0)


def test_a_plan_is_read_as_it_was_saved_and_only_by_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "plan.kprov"
    made(FILE, RESTART).save(path)
    assert plan.load_plan(path) == made(FILE, RESTART)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"kprov_plan": 9}'])
def test_what_is_no_plan_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.kprov"
    path.write_text(text)
    with pytest.raises(InputError, match=r"plan\.kprov"):
        plan.load_plan(path)


def test_a_host_that_changed_since_is_named() -> None:
    other = replace(FILE, diff=[{"after": "y"}])
    assert plan.find_drift([FILE], [FILE]) == []
    assert plan.find_drift([FILE], [replace(FILE, place="tasks/main.yml:8")]) == []
    assert plan.find_drift([FILE, RESTART], [other]) == [
        "node1: etcd : Configure etcd: /etc/etcd.yml: would change in another way now",
        "node1: etcd : Restart etcd: etcd: no longer needs a change",
    ]
    assert plan.find_drift([FILE], [FILE, RESTART]) == ["node1: etcd : Restart etcd: etcd: not in the plan"]


def test_unplanned_changes_are_found_and_unforeseen_ones_count_as_planned() -> None:
    vague = Change("node1", "kubectl", "p:1", "program", "kubectl", "run", unforeseen="no such file")
    assert plan.find_unplanned([FILE, vague], [FILE, replace(vague, unforeseen="")]) == []
    assert plan.find_unplanned([FILE], [FILE, RESTART]) == [RESTART]


def test_restarts_are_by_service() -> None:
    assert made(FILE, RESTART, replace(RESTART, host="node2")).restarts() == {"etcd": ["node1", "node2"]}


@pytest.mark.parametrize(
    ("members", "restarting", "lost", "words"),
    [
        (["a", "b", "c"], ["a", "b"], [], "2 of 3 members keep running, 2 are needed"),
        (["a", "b", "c"], ["a"], ["c"], "only 1 of 3 members keep running and 2 are needed"),
        (["a"], ["a"], [], "0 of 1 members keep running"),
        (["a", "b", "c"], ["d"], [], None),
    ],
)
def test_what_restarts_do_to_the_quorum(
    members: list[str], restarting: list[str], lost: list[str], words: str | None
) -> None:
    said = plan.describe_quorum(members, restarting, lost)
    assert (said is None) == (words is None)
    assert words is None or words in str(said)
