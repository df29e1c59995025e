"""A host that does not answer gives the same exit code with every command, and is named."""

from __future__ import annotations

import gzip
import shutil
import sys
from pathlib import Path

import pytest

from kprov.cli import main
from kprov.playbook.results.journal import Journal

_SNAPSHOT = Path(__file__).parents[1] / "operations/etcd/snapshot.db.gz"
# Nothing listens on port 1.
_INVENTORY = """
all:
  vars: {ansible_user: root, ansible_host_key_checking: false}
  hosts:
    gone: {ip: 192.0.2.1, ansible_host: 127.0.0.1, ansible_port: 1}
  children:
    kube_control_plane: {hosts: {gone: }}
    etcd: {hosts: {gone: }}
    kube_node: {hosts: {gone: }}
"""
COMMANDS = [
    "up",
    "up --check",
    "plan",
    "preflight",
    "verify --wait 0",
    "verify --wait 0 --disrupt --yes",
    "diagnose -o archive.tar.gz",
    "reset --yes",
    "run all -m ping",
    "play play.yml",
    "upgrade",
    "rollback --yes",
    "node add gone",
    "node replace gone --yes",
    "node drain gone",
    "node uncordon gone",
    "etcd status",
    "etcd members",
    "etcd defrag",
    "etcd disarm",
    "etcd replace gone --yes",
    "etcd restore snapshot.db --yes",
    "etcd snapshot take",
    "etcd snapshot list",
    "certs recover",
    "certs renew --all",
    "certs rotate-ca --yes",
    "certs compare",
    "secrets status",
    "secrets rotate-key",
    "secrets rotate-service-account-key",
    "token list",
]


@pytest.mark.parametrize("was_installed", [False, True], ids=["before the first up", "installed"])
@pytest.mark.parametrize("command", COMMANDS)
def test_the_exit_code_is_four_and_the_host_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: str,
    *,
    was_installed: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hosts.yml").write_text(_INVENTORY)
    (tmp_path / "play.yml").write_text("- hosts: all\n  gather_facts: false\n  tasks: [{ping: }]\n")
    with gzip.open(_SNAPSHOT) as packed, (tmp_path / "snapshot.db").open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    if was_installed:
        journal = Journal(tmp_path / "artifacts/journal")
        journal.write("run", command="up", playbooks=["/up.yml"], limit=None)
        journal.write("end", ok=True)
        journal.close()
    monkeypatch.setattr(sys, "argv", ["kprov", *command.split(), "-i", "hosts.yml"])
    code = main._run()
    output = capfd.readouterr()
    assert "gone" in output.out + output.err
    assert code == 4, output.out + output.err
