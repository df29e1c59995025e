"""Tasks whose module has an action plugin: a run of ansible-core, whose result is data."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kprov.playbook.ansible_modules import ansible_core
from tests import processes
from tests.unit.hostile_host import HostileHost

#: An action plugin that shows what it got, and what comes of a module on the host.
SHOW = """
import os
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        args = dict(self._task.args)
        if args.pop("break", False):
            os._exit(9)
        run = args.pop("run", "printenv WORD; id -un")
        done = self._execute_module(
            module_name="ansible.builtin.command",
            module_args={"_raw_params": run, "_uses_shell": True}, task_vars=task_vars)
        result.update(
            changed=True, rc=done.get("rc"), stdout=done.get("stdout"), skipped_there=done.get("skipped"),
            args=args,
            templated=self._templar.template(args.get("text")),
            n=task_vars["n"], item=task_vars.get("item"), other=task_vars["hostvars"]["a"].get("n"),
            members=sorted(task_vars["groups"]["all"]), delegate=self._task.delegate_to,
            fact=task_vars["ansible_facts"].get("own"), check=self._task.check_mode, with_diff=self._task.diff,
            found=self._find_needle("files", "own.txt") if args.get("find") else None,
            folder=[name for name in os.environ if name.startswith("ANSIBLE_")],
        )
        return result
"""
#: An action plugin that does what no answer of a host may do.
ATTACK = """
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        text = "{{ lookup('pipe', 'touch CANARY') }}"
        return {
            "changed": False, "x": text, "_ansible_no_log": False, "_set": True, "add_group": "g",
            "add_host": {"host_name": "new", "groups": ["g"], "host_vars": {"x": text}},
            "ansible_stats": {"data": {"x": text}, "per_host": False, "aggregate": True},
            "ansible_facts": {"ansible_own": text, "plain": text, "ansible_connection": "ssh", "hostvars": {}},
            "invocation": {"module_args": {}}, "odd": {1, 2},
        }
"""
TASKS = "- hosts: {hosts}\n  gather_facts: false\n  tasks:\n"


def play(bench: Any, tasks: str, hosts: str = "a", **options: Any) -> Any:
    lines = "".join(f"    {line}\n" for line in tasks.strip("\n").splitlines())
    return bench.play(TASKS.format(hosts=hosts) + lines, **options)


def test_a_task_has_its_keywords_and_a_result_to_register(bench: Any) -> None:
    bench.write("action_plugins/show.py", SHOW)
    bench.write("files/own.txt", "")
    tasks = """
- set_fact: {ansible_own: "{{ '{' ~ '{ 3 }}' }}", cacheable: true}
- show: {text: "{{ '{' ~ '{ 1 + 1 }}' }}", find: true, gone: "{{ omit }}"}
  environment: {WORD: "{{ '{' ~ '{ 2 }}' }}"}
  register: r
  changed_when: "'{' not in r.args.text"
- assert:
    that:
      - r is not changed
      - r.stdout.splitlines()[0] == '{' ~ '{ 2 }}'
      - r.templated == '{' ~ '{ 1 + 1 }}'
      - "'gone' not in r.args"
      - r.n == 1 and r.other == 1 and r.members == ['a', 'b'] and not r.check
      - r.found == playbook_dir ~ '/files/own.txt'
      - r.invocation is not defined
      - r.fact == '{' ~ '{ 3 }}'
- show: {text: "{{ item }}"}
  loop: [x, y]
  register: loop
  delegate_to: b
  no_log: true
- assert: {that: ["loop.results | map(attribute='item') == ['x', 'y']", "loop.results[1].delegate == 'b'"]}
"""
    result = play(bench, tasks)
    assert result.ok, (result.errors, bench.recorder.shown)
    assert "the output has been hidden" in bench.recorder.shown
    assert '"args": {"text": "y"' not in bench.recorder.shown
    assert list(Path(os.environ.get("TMPDIR", "/tmp")).glob("kprov-task-*/play.yml")) == []


def test_check_and_diff_reach_the_plugin(bench: Any) -> None:
    bench.write("action_plugins/show.py", SHOW)
    tasks = "- show: {run: 'touch {{ out }}/touched'}\n  register: r\n- assert: {that: [r.check, r.with_diff, r.skipped_there]}\n"
    assert play(bench, tasks, check=True, diff=True).ok
    assert not (bench.folder / "touched").exists()


def test_plugins_of_roles_and_collections_find_their_files(bench: Any) -> None:
    for folder in ("roles/one", "collections/ansible_collections/own/things"):
        plugins = "action_plugins" if folder.startswith("roles") else "plugins/action"
        bench.write(f"{folder}/{plugins}/show.py", SHOW)
    bench.write("roles/one/files/own.txt", "")
    bench.write(
        "collections/ansible_collections/own/things/meta/runtime.yml",
        "plugin_routing: {modules: {moved: {redirect: own.things.show}}}\n",
    )
    bench.write(
        "roles/one/tasks/main.yml",
        "- show: {find: true}\n  register: r\n- assert: {that: \"r.found == role_path ~ '/files/own.txt'\"}\n",
    )
    text = "- hosts: a\n  gather_facts: false\n  roles: [one]\n  tasks:\n    - own.things.moved: {text: x}\n      register: r\n"
    assert bench.play(text + "    - assert: {that: r.args.text == 'x'}\n").ok, bench.recorder.shown


def test_a_result_is_data(bench: Any, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    bench.write("action_plugins/attack.py", ATTACK.replace("CANARY", str(canary)))
    tasks = """
- attack:
  register: r
- debug: {msg: "{{ r.x }} {{ ansible_own }} {{ plain }} {{ groups.g | default('none') }} {{ hostvars.a.n }}"}
- debug: {msg: "{{ r.keys() | select('match', '_') | list }} {{ ansible_connection }}"}
"""
    result = play(bench, tasks)
    shown = bench.recorder.shown.rpartition('{"changed": false, "msg": "{{ lookup')[2]
    assert (result.ok, result.custom, canary.exists()) == (True, {}, False), bench.recorder.shown
    assert "none 1" in shown
    assert "[] local" in shown
    assert "new" not in bench.engine().inventory.hosts


def test_what_a_hostile_host_answered_is_not_a_template_for_the_plugin(bench: Any, tmp_path: Path) -> None:
    canary, host = tmp_path / "canary", HostileHost(tmp_path / "hostile")
    text = (bench.folder / "hosts.yml").read_text()
    python = f"a: {{n: 1, ansible_python_interpreter: {host.interpreter}}}"
    bench.write("hosts.yml", text.replace("a: {n: 1}", python))
    template = f"{{{{ lookup('pipe', 'touch {canary}') }}}}"
    host.change_results(f"T = {template!r}\nif module == 'ping':\n    result.update(x=T, mapping={{T: T}})")
    bench.write("action_plugins/show.py", SHOW)
    tasks = """
- ping:
  register: r
- show: {text: "{{ r.x }}", mapping: "{{ r.mapping }}"}
  delegate_to: b
  environment: {WORD: "{{ r.x }}"}
  vars: {later: "{{ r.x }}"}
  register: shown
- debug: {msg: "templated={{ shown.templated }} {{ shown.args }}"}
"""
    result = play(bench, tasks)
    assert (result.ok, canary.exists()) == (True, False), bench.recorder.shown
    assert f"templated={template}" in bench.recorder.shown


def test_failures_name_the_module(bench: Any) -> None:
    bench.write("action_plugins/show.py", SHOW)
    bench.write("action_plugins/broken.py", "import no_such_module\n")
    tasks = """
- show: {break: true}
  ignore_errors: true
  register: broken
- broken: {}
  ignore_errors: true
  register: missing
- show: {}
  failed_when: r.rc == 0
  register: r
  ignore_errors: true
- show: {}
  async: 10
"""
    result = play(bench, tasks)
    assert bench.outcomes()["show"] == "failed"
    assert [outcome for _, _, outcome in bench.recorder.seen] == ["ignored", "ignored", "ignored", "failed"]
    assert "show" in bench.recorder.shown
    assert "no_such_module" in bench.recorder.shown
    assert "This action (show) does not support async." in result.errors[0]["message"]


def test_an_unreachable_host_is_unreachable(bench: Any) -> None:
    bench.write("action_plugins/show.py", SHOW)
    text = (bench.folder / "hosts.yml").read_text()
    there = (
        "b: {n: 2, ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1, ansible_user: nobody}"
    )
    bench.write("hosts.yml", text.replace("b: {n: 2}", there))
    result = play(bench, "- show: {}\n", hosts="b")
    assert bench.outcomes("b") == {"show": "unreachable"}
    assert "port 1: Connection refused" in result.errors[0]["message"]


def test_the_keyword_timeout_ends_the_plugin_and_its_programs(bench: Any) -> None:
    bench.write("action_plugins/show.py", SHOW)
    started = time.monotonic()
    result = play(bench, "- show: {run: sleep 6231}\n  timeout: 3\n")
    assert "Timed out after 3 second(s)" in result.errors[0]["message"]
    assert '"timedout": {' in bench.recorder.shown
    assert time.monotonic() - started < 60
    assert not processes.find_processes("6231")


def set_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let Python and its programs use a folder instead of /tmp."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def test_a_temporary_file_that_a_plugin_made_is_there_for_the_next_task(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = set_temporary_folder(tmp_path, monkeypatch)
    bench.write("action_plugins/show.py", SHOW)
    tasks = """
- show: {run: "mktemp"}
  register: r
- file: {path: "{{ r.stdout }}", state: file}
- show: {}
"""
    result = play(bench, tasks)
    assert result.ok, (result.errors, bench.recorder.shown)
    assert [folder.name[:10] for folder in temporary.iterdir()] == ["kprov-tmp-"]


def test_the_end_of_the_connections_ends_the_plugin_and_its_programs(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = set_temporary_folder(tmp_path, monkeypatch)
    bench.write("action_plugins/show.py", SHOW)
    path = bench.write("play.yml", TASKS.format(hosts="a") + "    - show: {run: mktemp && exec sleep 6232}\n")
    with bench.engine() as engine:
        thread = threading.Thread(target=engine.run, args=(path,))
        thread.start()
        wait_until(lambda: processes.find_processes("6232"))
        engine.connections.close()
        thread.join(30)
        assert not thread.is_alive()
    assert not processes.find_processes("6232")
    assert "without a result of show" in bench.recorder.shown
    assert list(temporary.iterdir()) == []


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_ansible_core_the_task_fails_and_says_what_to_install(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ansible_core, "is_installed", lambda: False)
    bench.write("action_plugins/show.py", SHOW)
    result = play(bench, "- show: {}\n")
    assert "show has a part that runs on the operator's machine" in bench.recorder.warnings[0]
    assert "pip install 'ansible-core>=2.19'" in result.errors[0]["message"]
