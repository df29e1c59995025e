"""Output of no_log tasks has their outcome, but not their arguments and results."""

from __future__ import annotations

import json
from typing import Any

from kprov.playbook.results.run_result import RunResult

TASKS = """
- hosts: a
  gather_facts: false
  tasks:
    - name: quiet
      copy: {dest: "{{ out }}/quiet-place", content: "quiet-content\\n"}
      no_log: true
      register: quiet
    - name: quiet loop
      file: {path: "{{ out }}/quiet-{{ item }}", state: touch}
      loop: [first-place, second-place]
      no_log: true
    - name: open
      copy: {dest: "{{ out }}/open-place", content: "{{ 1 }}\\n"}
"""


def test_paths_of_no_log_tasks_are_in_no_report(bench: Any) -> None:
    result: RunResult = bench.play(TASKS)
    assert result.ok
    assert (bench.folder / "quiet-second-place").exists()
    said = (
        json.dumps([result.to_json(), [change.to_json() for change in result.changes]]) + bench.recorder.shown
    )
    assert "quiet-" not in said
    assert result.changed_files == {"a": [f"{bench.folder}/open-place"]}
    assert [(change.task, change.kind, change.what) for change in result.changes] == [
        ("quiet", "file", "hidden by no_log"),
        ("quiet loop", "file", "hidden by no_log"),
        ("quiet loop", "file", "hidden by no_log"),
        ("open", "file", f"{bench.folder}/open-place"),
    ]


def test_what_a_later_task_shows_of_them_is_not_hidden(bench: Any) -> None:
    later = "    - name: later\n      debug: {msg: '{{ quiet.dest }}'}\n"
    bench.play(TASKS + later)
    assert f"{bench.folder}/quiet-place" in bench.recorder.shown
