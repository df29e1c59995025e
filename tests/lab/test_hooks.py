"""Playbooks of the user run before and after operations, and stop what they precede when they fail."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import Cluster

NOTE = "/run/kprov-test-hooks"
HOOK = f"""
- hosts: kube_node
  gather_facts: false
  become: true
  tasks:
    - ansible.builtin.lineinfile:
        path: {NOTE}
        line: "{{{{ kprov_hook }}}} {{{{ kprov_operation }}}} {{{{ kprov_operation_arguments.hosts | join(',') }}}}"
        create: true
        mode: "0644"
      when: inventory_hostname in kprov_operation_hosts
"""
#: The message of a host is data: its braces are not a template of the hook.
NOTING = f"""
- hosts: node2
  gather_facts: false
  become: true
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ kprov_error }}}}\n"
        dest: {NOTE}
        mode: "0644"
"""
FAILING = "- hosts: node2\n  gather_facts: false\n  tasks:\n    - ansible.builtin.fail:\n        msg: the change freeze lasts {{ '{{ 1 + 1 }}' }} days\n"


@pytest.fixture
def hooks(cluster: Cluster) -> Iterator[Path]:
    folder = cluster.lab.inventory / "hooks"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)
    cluster.lab.ssh("node2", f"rm -f {NOTE}")


def test_hooks_run_around_an_operation_and_know_it(cluster: Cluster, hooks: Path) -> None:
    for moment in ("before", "after"):
        (hooks / f"{moment}_node_uncordon.yml").write_text(HOOK)
    words = ("node", "uncordon", "node2", "-i", str(cluster.lab.inventory))
    assert "would" not in cluster.lab.kprov(*words, "--check").stdout
    assert cluster.lab.ssh("node2", f"cat {NOTE} || true") == ""
    cluster.lab.kprov(*words)
    assert cluster.lab.ssh("node2", f"cat {NOTE}").splitlines() == [
        "before node uncordon node2",
        "after node uncordon node2",
    ]


def test_a_hook_that_fails_stops_the_operation(cluster: Cluster, hooks: Path) -> None:
    (hooks / "before_node_drain.yml").write_text(FAILING)
    (hooks / "failed_node_drain.yml").write_text(NOTING)
    words = ("node", "drain", "node2", "-i", str(cluster.lab.inventory))
    done = cluster.lab.kprov(*words, check=False)
    assert done.returncode == 1
    assert "the change freeze lasts {{ 1 + 1 }} days" in done.stderr
    assert not cluster.get("node", "node2")["spec"].get("unschedulable")
    assert "the change freeze lasts {{ 1 + 1 }} days" in cluster.lab.ssh("node2", f"cat {NOTE}")
    # Leave nothing that is unfinished.
    cluster.lab.kprov("node", "uncordon", "node2", "-i", str(cluster.lab.inventory), "--abandon")
