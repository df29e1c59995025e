"""--limit, --tags and --skip-tags that name what is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.cli.output import summary
from kprov.errors import InputError
from kprov.inventory import host_patterns
from kprov.inventory.sources.load import load_inventory
from kprov.operations.cluster import open_cluster
from kprov.operations.up import install_cluster
from kprov.playbook.results.run_result import RunOptions, RunResult, SilentCallbacks

PLAY = """- hosts: all
  gather_facts: false
  tasks:
    - command: touch {{ out }}/touched
      tags: [work, other]
"""
INCLUDING = """- hosts: a
  gather_facts: false
  tasks:
    - include_tasks: more.yml
      tags: always
"""
CLUSTER = """all:
  hosts: {a: {ip: 192.0.2.1}, gate: }
  children:
    kube_control_plane: {hosts: {a: }}
    etcd: {hosts: {a: }}
    kube_node: {hosts: {a: }}
    bastion: {hosts: {gate: }}
"""


@pytest.fixture(name="warned")
def _warned(bench: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(bench.recorder, "warning", texts.append)
    return texts


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("nope", "--limit: there is no host or group 'nope' in the inventory"),
        ("a,nope", "--limit: there is no host or group 'nope' in the inventory"),
        ("all:!nope", "--limit: there is no host or group 'nope' in the inventory"),
        ("all:&nope", "--limit: there is no host or group 'nope' in the inventory"),
        ("x*", "--limit: 'x*' leaves no host of the inventory"),
        ("a:!a", "--limit: 'a:!a' leaves no host of the inventory"),
    ],
)
def test_a_limit_that_names_nothing_or_leaves_nothing_is_refused(bench: Any, limit: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        bench.play(PLAY, limit=limit)
    assert str(error.value).startswith(words)
    assert not (bench.folder / "touched").exists()


def test_looking_at_hosts_refuses_them_too(bench: Any) -> None:
    with (
        bench.engine(limit="nope") as engine,
        pytest.raises(InputError, match="there is no host or group 'nope'"),
    ):
        engine.list_plays(bench.write("play.yml", PLAY))


def test_a_slip_has_a_suggestion_also_from_a_file_of_hosts(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {node1: , node2: }}\n")
    inventory = load_inventory(tmp_path / "hosts.yml")
    with pytest.raises(InputError, match="'noed2' in the inventory; did you mean 'node2'"):
        host_patterns.check_limit(inventory, "node1,noed2")
    (tmp_path / "retry").write_text("node1\nnoed2\n")
    with pytest.raises(InputError, match="'noed2'"):
        host_patterns.check_limit(inventory, f"@{tmp_path}/retry")


@pytest.mark.parametrize(
    "limit", ["a", "all", "ungrouped", "a,x*", "~a|b", "all[0]", "a:!b", "localhost,a", None]
)
def test_limits_that_leave_a_host_are_taken(bench: Any, limit: str | None) -> None:
    assert bench.play(PLAY, limit=limit).exit_code == 0


@pytest.mark.parametrize(("option", "name"), [("tags", "--tags"), ("skip_tags", "--skip-tags")])
def test_a_tag_that_no_task_has_is_warned_of(bench: Any, warned: list[str], option: str, name: str) -> None:
    bench.play(PLAY, **{option: ("wrok", "other")})
    assert warned == [f"{name}: no task has the tag 'wrok'; did you mean 'work'?"]


def test_tags_with_a_meaning_of_their_own_need_no_task(bench: Any, warned: list[str]) -> None:
    bench.play(PLAY, tags=("tagged", "untagged", "all"), skip_tags=("never", "always"))
    assert warned == []


def test_a_tag_of_an_included_file_is_known_when_it_was_included(bench: Any, warned: list[str]) -> None:
    bench.write("more.yml", "- command: echo\n  tags: deep\n")
    bench.play(INCLUDING, tags=("deep", "deeper"))
    assert warned == ["--tags: no task has the tag 'deeper'"]


def test_where_no_task_ran_the_summary_says_so(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    summary.print_summary(bench.play(PLAY, tags=("nope",)), check=False, inventory=["i"])
    summary.print_summary(RunResult(), check=False, inventory=["i"])
    said = capsys.readouterr().out
    assert said.count("exit code 0: no task was run on any host") == 2
    assert "through" not in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": "gate"}, "--limit: 'gate' leaves no host of kube_control_plane, etcd, kube_node"),
        ({"limit": "b"}, "--limit: there is no host or group 'b'"),
        ({"tags": ("etdc",)}, "--tags: no task has the tag 'etdc'; did you mean 'etcd'? (there are "),
        (
            {"skip_tags": ("x",)},
            "--skip-tags: no task has the tag 'x' (there are always, certificates, cluster_dns, ",
        ),
    ],
)
def test_up_refuses_them_before_a_host_is_reached(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    (tmp_path / "hosts.yml").write_text(CLUSTER)
    said: list[str] = []
    with pytest.raises(InputError) as error:
        install_cluster(
            tmp_path / "hosts.yml", RunOptions(command="up", **options), SilentCallbacks(), said.append
        )
    assert str(error.value).startswith(words)
    assert said == []


def test_every_role_of_a_cluster_can_be_chosen_by_its_name(tmp_path: Path) -> None:
    from kprov.operations.cluster import CLUSTER_PLAYBOOK
    from kprov.playbook.loading import playbook_loader
    from kprov.playbook.loading.play_checks import walk_tasks

    (tmp_path / "hosts.yml").write_text(CLUSTER)
    plays = playbook_loader.load_playbook(CLUSTER_PLAYBOOK)
    tasks = [task for play in plays for section in play.sections for task in walk_tasks(section)]
    # The first play checks the hosts and is always run. Other roles import these two, which have their tags.
    parts = {"packages", "archive"}
    own = [task for task in tasks if task.role is not None and task.role.name not in parts]
    assert all({task.role.name, "always"} & set(task.tags) for task in own if task.role is not None)
    with open_cluster(
        tmp_path / "hosts.yml", RunOptions(command="up", tags=("node_roles", "etcd"))
    ) as cluster:
        cluster.engine.check_selection(plays)
