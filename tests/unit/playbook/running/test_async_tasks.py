"""Tasks in the background: async, poll and async_status."""

from __future__ import annotations

from typing import Any

HEAD = "- hosts: a\n  gather_facts: false\n  environment: {ANSIBLE_ASYNC_DIR: '{{ out }}/jobs'}\n  tasks:\n"


def play(text: str) -> str:
    return HEAD + "".join(f"    {line}\n" for line in text.strip().splitlines())


def test_a_polled_task_has_the_result_of_one_in_the_foreground(bench: Any) -> None:
    text = """
- command: echo done
  async: 20
  poll: 1
  register: job
- assert: {that: ["job.stdout == 'done'", "job.finished == 1", "job is changed"]}
"""
    assert bench.play(play(text)).ok
    assert not list((bench.folder / "jobs").iterdir())


def test_an_unpolled_job_continues_and_async_status_finds_it(bench: Any) -> None:
    text = """
- shell: until test -e {{ out }}/go; do sleep 0.01; done; echo went
  async: 20
  poll: 0
  register: job
- assert: {that: ["job.started == 1", "job.finished == 0"]}
- copy: {dest: "{{ out }}/go", content: x}
- async_status: {jid: "{{ job.ansible_job_id }}"}
  register: status
  until: status is finished
  retries: 200
  delay: 0.02
- assert: {that: status.stdout == 'went'}
"""
    assert bench.play(play(text)).ok


def test_a_job_that_takes_too_long_is_ended_and_failed(bench: Any) -> None:
    text = """
- shell: sleep 60 & echo $! > {{ out }}/pid; wait
  async: 1
  poll: 1
  register: job
  ignore_errors: true
- assert: {that: ["job is failed", "job.msg == 'Timeout exceeded'"]}
"""
    assert bench.play(play(text)).ok


def test_check_mode_refuses_it(bench: Any) -> None:
    result = bench.play(play("- command: echo\n  async: 5"), check=True)
    assert "check mode" in result.errors[0]["message"]


def test_an_unknown_job_is_an_error(bench: Any) -> None:
    result = bench.play(play("- async_status: {jid: j1.2}"))
    assert result.errors[0]["message"] == "could not find job"
