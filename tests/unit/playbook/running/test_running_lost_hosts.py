"""Hosts that cannot be reached: set aside, named, and the others finish."""

from __future__ import annotations

from typing import Any

from kprov.inventory.sources.load import load_inventory
from kprov.playbook.results.run_result import RunOptions
from kprov.playbook.running.engine import Engine

GONE = "ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1"


def test_a_host_lost_in_a_run_is_named_and_the_others_finish(bench: Any) -> None:
    text = (bench.folder / "hosts.yml").read_text()
    bench.write("hosts.yml", text.replace("b: {n: 2}", f"b: {{n: 2}}, gone: {{n: 3, {GONE}}}"))
    tasks = (
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: work\n      command: echo\n"
        "    - name: who\n      debug: {msg: 'without {{ kprov_unreachable }}'}\n"
    )
    result = bench.play(tasks)
    assert (result.exit_code, result.errors[0]["host"], result.hosts["gone"].unreachable) == (4, "gone", 1)
    assert bench.outcomes("b") == {"work": "changed", "who": "ok"}
    assert "without ['gone']" in bench.recorder.shown


def test_a_host_set_aside_before_the_run_takes_no_part_in_it(bench: Any) -> None:
    path = bench.write("play.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - debug:\n")
    with Engine(load_inventory(bench.folder / "hosts.yml"), RunOptions(), bench.recorder) as engine:
        engine.unreachable_hosts = {"a": "no answer"}
        result = engine.run(path)
    assert bench.outcomes("a") == {}
    assert bench.outcomes("b") == {"debug": "ok"}
    assert (result.exit_code, result.errors[0]["message"]) == (4, "no answer")


def test_rolling_work_stops_at_the_first_host_that_fails(bench: Any) -> None:
    text = (
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: restart\n      command: test {{ n }} = 2\n"
        "      throttle: 1\n      any_errors_fatal: true\n"
    )
    bench.play(text)
    assert bench.outcomes("a") == {"restart": "failed"}
    assert bench.outcomes("b") == {}
