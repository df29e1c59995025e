"""A component that is a row of the table, a package, a role and a line of the playbook lives as the others do."""

from __future__ import annotations

import json
import shutil
import tarfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import KPROV, LAB, ROOT, run
from tests.lab.networks import find_subnet
from tests.operations.test_upgrade import run_tree

NAME = f"{LAB}-component"
SUBNET = find_subnet("component")
ROW = """
  greeter:
    groups: [kube_node]
    start_order: 990
    stop_order: 5
    program: greeter
    user: root
    ports:
      - {port: 10299, addresses: [loopback], title: greeter}
    diagnosed: [/etc/greeter.conf]
    endpoints: ["http://127.0.0.1:10299/metrics"]
    health_gate: true
    removed: [/etc/greeter.conf]
"""
PROGRAM = '''
"""greeter: writes a greeting to its log, and serves its health."""

import asyncio
import logging
import sys

from kprov.kube.component_base import logs, run, sd_notify
from kprov.kube.component_base.serving import HealthServer

GREETING = "hello from the first version"


async def serve(stop: asyncio.Event) -> None:
    health = HealthServer(address="127.0.0.1", port=10299)
    await health.start()
    logging.getLogger(__name__).info(GREETING)
    sd_notify.notify("READY=1")
    await stop.wait()
    await health.stop()


def main() -> int:
    logs.setup(2, "greeter")
    return run.main(serve)


if __name__ == "__main__":
    sys.exit(main())
'''
UNIT = """
# Written by kprov; the next run overwrites changes.
[Unit]
Description=Greeter

[Service]
{% include 'component.j2' %}

ExecStart={{ bin_dir }}/greeter
{% include 'hardening.j2' %}

[Install]
WantedBy=multi-user.target
"""
TASKS = """
- name: Write the greeter's configuration
  ansible.builtin.copy:
    content: "greeting: plain\\n"
    dest: /etc/greeter.conf
    mode: "0644"
  notify: Restart greeter

- name: Install the greeter's unit
  ansible.builtin.template:
    src: "{{ kprov_templates }}/greeter.service.j2"
    dest: /etc/systemd/system/greeter.service
    mode: "0644"
  when: not kube_bundle_pinned | bool
  notify: Restart greeter

- name: Apply changes to the greeter
  ansible.builtin.meta: flush_handlers

- name: Start the greeter
  ansible.builtin.systemd_service:
    name: greeter
    enabled: true
    state: started
"""
HANDLERS = """
- name: Restart greeter
  ansible.builtin.systemd_service:
    name: greeter
    daemon_reload: true
    state: restarted
"""
FILES = {
    "kprov/kube/greeter/__init__.py": '"""Greets."""\n',
    "kprov/kube/greeter/__main__.py": PROGRAM,
    "templates/greeter.service.j2": UNIT,
    "roles/greeter/tasks/main.yml": TASKS,
    "roles/greeter/handlers/main.yml": HANDLERS,
    "roles/greeter/meta/main.yml": "dependencies: [{role: kprov_defaults}]\n",
}
LINE = "    - {role: cluster_dns, tags: cluster_dns}\n"


class Tree:
    """Sources with the component, one lab host, and the inventory of a cluster on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sources"
        self.inventory = folder / "inventory"

    def make(self) -> None:
        """Copy the sources and add the component to the copy."""
        ignored = shutil.ignore_patterns("__pycache__")
        for part in ("kprov", "roles", "playbooks", "templates"):
            shutil.copytree(ROOT / part, self.folder / part, ignore=ignored, symlinks=True)
        for name, text in FILES.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.lstrip("\n"))
        table = self.folder / "roles/kprov_defaults/vars/main/components.yml"
        table.write_text(table.read_text() + ROW)
        playbook = self.folder / "playbooks/cluster.yml"
        text = playbook.read_text()
        assert LINE in text
        playbook.write_text(text.replace(LINE, LINE + "    - {role: greeter, tags: greeter}\n", 1))

    def kprov(self, *arguments: str | Path) -> str:
        """Run the kprov of these sources for the inventory; return its output."""
        return run_tree(self.folder, *arguments, "-i", self.inventory)

    def ssh(self, command: str) -> str:
        """Run a command as root on the host; return its output."""
        words = ("lab", "ssh", "--name", NAME, "node1", "--", "sudo", "sh", "-c", f"'{command}'")
        return run(KPROV, *words, check=False).stdout

    def verify(self) -> list[dict[str, Any]]:
        """Return the results of `verify` that are about the component."""
        done = run(
            *("env", f"PYTHONPATH={self.folder}", Path(KPROV).parent / "python", "-m", "kprov.cli.main"),
            *("verify", "-i", self.inventory, "-o", "json"),
            check=False,
            directory=self.folder,
        )
        results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
        return [result for result in results if "greeter" in json.dumps(result)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """One bare host."""
    made = Tree(tmp_path_factory.mktemp("component"))
    made.make()
    run(KPROV, "lab", "down", "--name", NAME, check=False)
    options = ("--subnet", SUBNET, "--hosts", "1", "--inventory", made.inventory)
    run(KPROV, "lab", "up", "--name", NAME, *options, timeout=900)
    try:
        yield made
    finally:
        run(KPROV, "lab", "down", "--name", NAME)


def test_it_is_installed_and_verified(tree: Tree) -> None:
    tree.kprov("up")
    assert "hello from the first version" in tree.ssh("journalctl -u greeter -o cat")
    results = tree.verify()
    assert len({result["area"] for result in results}) >= 2
    assert [result for result in results if not result["ok"]] == []


def test_verify_names_it_when_it_is_down(tree: Tree) -> None:
    tree.ssh("systemctl stop greeter")
    try:
        assert [result for result in tree.verify() if not result["ok"]] != []
    finally:
        tree.ssh("systemctl start greeter")


def test_an_upgrade_brings_its_next_version(tree: Tree) -> None:
    program = tree.folder / "kprov/kube/greeter/__main__.py"
    program.write_text(program.read_text().replace("the first version", "the second version"))
    tree.kprov("upgrade", "--no-drain")
    assert "hello from the second version" in tree.ssh("journalctl -u greeter -o cat")
    assert [result for result in tree.verify() if not result["ok"]] == []


def test_a_failing_version_goes_back(tree: Tree) -> None:
    program = tree.folder / "kprov/kube/greeter/__main__.py"
    working = program.read_text()
    broken = textwrap.indent("raise SystemExit('broken')\n", "    ")
    program.write_text(working.replace("    health = ", f"{broken}    health = ", 1))
    try:
        with pytest.raises(AssertionError, match="greeter"):
            tree.kprov("upgrade", "--no-drain", "--gate-timeout", "20")
    finally:
        program.write_text(working)
    assert "broken" in tree.ssh("journalctl -u greeter -o cat")
    assert tree.ssh("systemctl is-active greeter").strip() == "active"
    assert [result for result in tree.verify() if not result["ok"]] == []


def test_a_diagnosis_has_its_journal_configuration_and_metrics(tree: Tree, tmp_path: Path) -> None:
    archive = tmp_path / "d.tar.gz"
    tree.kprov("diagnose", "-o", archive, "--since", "1h")
    with tarfile.open(archive) as tar:
        files = {name: tar.extractfile(name) for name in tar.getnames()}
        texts = {
            name: file.read().decode(errors="replace") for name, file in files.items() if file is not None
        }
    assert any(name.endswith("journal/greeter.log") and "hello" in text for name, text in texts.items())
    assert any("greeting: plain" in text for text in texts.values())
    assert any(
        "10299" in name or "greeter" in name for name in texts if "metrics" in name or "endpoints" in name
    )


def test_a_reset_removes_it(tree: Tree) -> None:
    tree.kprov("reset", "--yes")
    left = tree.ssh(
        "ls -d /etc/greeter.conf /etc/systemd/system/greeter.service 2>/dev/null; pgrep -f bin/[g]reeter"
    )
    assert left.strip() == ""
