"""Action plugins over SSH: ansible-core reaches a lab host with the connection that kprov uses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.parity import collection_path

from .conftest import Lab

PLUGIN = """
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        args = {"_raw_params": self._task.args["run"]}
        done = self._execute_module("ansible.builtin.command", args, task_vars=task_vars)
        return {**result, **done, "changed": False}
"""
PLUGIN_PLAY = """
- hosts: node1
  gather_facts: false
  tasks:
    - own: {run: id -un}
      become_user: nobody
      register: user
    - own: {run: hostname}
      delegate_to: node2
      register: other
    - copy:
        dest: OUT
        content: "{{ [user, other] | map(attribute='stdout') | list | to_json }}"
      delegate_to: localhost
      become: false
"""
SYNCHRONIZE_PLAY = """
- hosts: node1
  gather_facts: false
  tasks:
    - apt: {name: rsync, update_cache: true}
    - block:
        - synchronize: {src: tree/, dest: /root/synchronized, verify_host: true, use_ssh_args: true}
          register: first
        - ansible.posix.synchronize: {src: tree/, dest: /root/synchronized}
          register: second
        - ansible.posix.synchronize: {src: /root/synchronized/deep/, dest: pulled, mode: pull}
        - stat: {path: /root/synchronized/deep/file}
          register: there
        - assert: {that: [first is changed, second is not changed, there.stat.size == 5]}
      always:
        - file: {path: /root/synchronized, state: absent}
        - apt: {name: rsync, state: absent, purge: true}
"""


def test_a_plugin_works_on_the_host_and_as_the_user_of_the_task(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "action_plugins").mkdir()
    (tmp_path / "action_plugins/own.py").write_text(PLUGIN)
    (tmp_path / "play.yml").write_text(PLUGIN_PLAY.replace("OUT", str(tmp_path / "out.json")))
    lab.kprov("play", tmp_path / "play.yml", "-i", lab.inventory)
    assert json.loads((tmp_path / "out.json").read_text()) == ["nobody", "node2"]


def test_synchronize_copies_to_a_host_and_back(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("rsync") is None:
        pytest.skip("this machine has no rsync")
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(collection_path.path()))
    (tmp_path / "tree/deep").mkdir(parents=True)
    (tmp_path / "tree/deep/file").write_text("text\n")
    (tmp_path / "play.yml").write_text(SYNCHRONIZE_PLAY)
    lab.kprov("play", tmp_path / "play.yml", "-i", lab.inventory)
    assert (tmp_path / "pulled/file").read_text() == "text\n"
