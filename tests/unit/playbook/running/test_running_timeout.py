"""The keyword `timeout`: what takes longer on a host is ended there, and the task fails with Ansible's text."""

from __future__ import annotations

import time
from typing import Any

import pytest

TASKS = """
- hosts: a
  gather_facts: false
  tasks:
    - name: in time
      command: echo x
      timeout: 60
    - name: late
      shell: "echo begun > {{ out }}/begun; sleep 30; echo ended > {{ out }}/ended"
      timeout: 1
      failed_when: false
      ignore_errors: true
      register: late
    - name: loop
      command: sleep {{ item }}
      loop: [0, 30, 0]
      timeout: "{{ 1 }}"
      ignore_errors: true
      register: loop
    - name: not again
      command: sleep 30
      timeout: 1
      retries: 3
      delay: 0
      until: false
      ignore_errors: true
      register: again
    - name: seen
      assert:
        that:
          - "late.msg == 'Task failed: Timed out after 1 second(s).'"
          - late.timedout.period == 1
          - late is failed
          - late is not changed
          - loop.results | map(attribute='failed') == [false, true, false]
          - again.timedout.period == 1
          - again.attempts is undefined
"""


def test_what_takes_longer_fails_and_is_ended_on_the_host(bench: Any) -> None:
    start = time.monotonic()
    result = bench.play(TASKS)
    assert bench.outcomes("a") == {
        "in time": "changed", "late": "ignored", "loop": "ignored", "not again": "ignored", "seen": "ok",
    }  # fmt: skip
    assert result.ok
    assert time.monotonic() - start < 25
    assert (bench.folder / "begun").exists()
    assert not (bench.folder / "ended").exists()


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("pause: {seconds: 1}", "timeout has no effect on pause; it has the argument 'seconds'"),
        ("reboot:", "timeout has no effect on reboot; it has the argument 'reboot_timeout'"),
        (
            "wait_for_connection:",
            "timeout has no effect on wait_for_connection; it has the argument 'timeout'",
        ),
    ],
)
def test_where_it_would_have_no_effect_the_task_fails(bench: Any, task: str, said: str) -> None:
    result = bench.play(f"- hosts: a\n  gather_facts: false\n  tasks:\n    - {task}\n      timeout: 3\n")
    assert said in result.errors[0]["message"]
    assert said in bench.recorder.warnings[0]


@pytest.mark.parametrize("wrong", ["soon", "-1", "100000001"])
def test_it_is_a_whole_number_of_seconds(bench: Any, wrong: str) -> None:
    result = bench.play(
        f"- hosts: a\n  gather_facts: false\n  tasks:\n    - {{name: x, command: 'true', timeout: '{wrong}'}}\n"
    )
    assert not result.ok
    assert "timeout" in result.errors[0]["message"]
