"""Which nodes the role waits for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.unit.playbook.conftest import Bench

TASKS = Path(__file__).resolve().parents[3] / "roles" / "node_roles" / "tasks" / "main.yml"


def test_nodes_are_waited_for_by_the_names_they_have(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    hosts: dict[str, Any] = yaml.safe_load((tmp_path / "hosts.yml").read_text())
    hosts["all"]["hosts"]["b"]["kube_override_hostname"] = "metal-7"
    hosts["all"]["children"] = {"kube_node": {"hosts": {"a": None, "b": None}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts))
    waiting = yaml.safe_load(TASKS.read_text())[0]
    task = {
        "run_once": True,
        "ansible.builtin.assert": {"that": ["node_roles_expected | sort == wanted"]},
        "vars": {**waiting["vars"], "wanted": ["a=True", "metal-7=True"]},
    }
    run = bench.play(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    assert not run.errors


def test_nodes_of_hosts_that_failed_are_not_waited_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    hosts: dict[str, Any] = yaml.safe_load((tmp_path / "hosts.yml").read_text())
    hosts["all"]["children"] = {"kube_node": {"hosts": {"a": None, "b": None}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts))
    waiting = yaml.safe_load(TASKS.read_text())[0]
    failing = {"ansible.builtin.fail": {"msg": "broken"}, "when": "inventory_hostname == 'b'"}
    look = {
        "run_once": True,
        "ansible.builtin.debug": {"msg": "waits for {{ node_roles_expected }}"},
        "vars": waiting["vars"],
    }
    plays = [{"hosts": "all", "gather_facts": False, "tasks": [task]} for task in (failing, look)]
    run = bench.play(yaml.safe_dump(plays))
    assert [error["host"] for error in run.errors] == ["b"]
    assert "waits for ['a=True']" in bench.recorder.shown
