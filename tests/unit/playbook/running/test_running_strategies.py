"""How hosts go through a play: linear, free, serial, failures that end it for all, --step."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.errors import InputError


def play(tasks: str, **keywords: Any) -> str:
    head = "- hosts: all\n  gather_facts: false\n" + "".join(f"  {k}: {v}\n" for k, v in keywords.items())
    return head + "  tasks:\n" + "".join(f"    {line}\n" for line in tasks.strip().splitlines())


TWO = "- name: one\n  debug:\n- name: two\n  debug:"


def test_linear_ends_a_task_on_all_hosts_before_the_next(bench: Any) -> None:
    bench.play(play(TWO))
    assert [task for task, _, _ in bench.recorder.seen] == ["one", "one", "two", "two"]


def test_serial_takes_hosts_through_the_whole_play_in_turns(bench: Any) -> None:
    bench.play(play(TWO, serial=1))
    assert [(task, host) for task, host, _ in bench.recorder.seen] == [
        ("one", "a"),
        ("two", "a"),
        ("one", "b"),
        ("two", "b"),
    ]


def test_free_hosts_do_not_wait_for_each_other(bench: Any) -> None:
    tasks = (
        "- name: wait\n  command: sh -c 'until test -e {{ out }}/go; do sleep 0.01; done'\n  when: n == 1\n"
        "- name: go\n  copy: {dest: '{{ out }}/go', content: x}\n  when: n == 2\n"
    )
    assert bench.play(play(tasks, strategy="free")).ok
    assert bench.outcomes("a") == {"wait": "changed", "go": "skipped"}


def test_order_reverses(bench: Any) -> None:
    bench.play(play(TWO, order="reverse_inventory", serial=1))
    assert [host for _, host, _ in bench.recorder.seen] == ["b", "b", "a", "a"]


def test_any_errors_fatal_ends_the_play_for_all(bench: Any) -> None:
    result = bench.play(
        play("- name: bad\n  fail:\n  when: n == 1\n- name: after\n  debug:", any_errors_fatal="true")
    )
    assert bench.order("b") == ["bad"]
    assert not result.ok


def test_a_rescue_of_all_hosts_brings_them_on(bench: Any) -> None:
    tasks = (
        "- block:\n    - name: bad\n      fail:\n      when: n == 1\n  rescue:\n    - name: rescued\n      debug:\n"
        "- name: after\n  debug:"
    )
    result = bench.play(play(tasks, any_errors_fatal="true"))
    assert bench.order("b") == ["bad", "rescued", "after"]
    assert (result.hosts["a"].rescued, result.hosts["b"].rescued, result.hosts["b"].failed) == (1, 0, 0)
    assert result.ok


def test_too_many_failures_end_the_play_after_the_task(bench: Any) -> None:
    text = play("- name: bad\n  fail:\n  when: n == 1\n- name: after\n  debug:", max_fail_percentage=40)
    bench.play(text)
    assert bench.order("b") == ["bad"]


def test_an_ignored_lost_host_goes_on(bench: Any) -> None:
    tasks = (
        "- name: gone\n  command: echo\n  delegate_to: nowhere\n  ignore_unreachable: true\n"
        "  vars: {ansible_host: 127.0.0.1, ansible_connection: ssh, ansible_port: 1}\n- name: after\n  debug:"
    )
    (bench.folder / "hosts.yml").write_text(
        (bench.folder / "hosts.yml")
        .read_text()
        .replace(
            "b: {n: 2}",
            "b: {n: 2}, nowhere: {n: 3, ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}",
        )
    )
    result = bench.play(play(tasks).replace("hosts: all", "hosts: a"))
    assert bench.outcomes("a") == {"gone": "ignored", "after": "ok"}
    assert result.hosts["a"].ignored == 1


def test_step_asks_before_every_task(bench: Any) -> None:
    bench.recorder.answers = {"one": "n"}
    bench.play(play(TWO), step=True)
    assert bench.order() == ["two"]


def test_items_of_a_loop_see_what_the_one_before_gave(bench: Any) -> None:
    tasks = (
        '- set_fact:\n    all: "{{ all | default([]) + [item] }}"\n  loop: [1, 2, 3]\n'
        '- assert: {that: "all == [1, 2, 3]"}\n'
        "- command: echo {{ item }}\n  register: said\n  loop: [1, 2, 3]\n"
        "  when: said is not defined or said.stdout != '2'\n"
        "- assert: {that: \"said.results | map(attribute='skipped', default=false) | list == [false, false, true]\"}\n"
    )
    assert bench.play(play(tasks)).ok


def test_a_loop_stops_at_break_when(bench: Any) -> None:
    tasks = (
        "- command: echo {{ item }}\n  register: said\n  loop: [1, 2, 3]\n"
        "  loop_control: {break_when: [\"said.stdout == '2'\"]}\n- assert: {that: said.results | length == 2}"
    )
    assert bench.play(play(tasks)).ok


def test_a_task_is_tried_until_it_is_as_expected(bench: Any) -> None:
    tasks = (
        "- name: try\n  shell: echo x >> {{ out }}/t{{ n }}; test $(wc -l < {{ out }}/t{{ n }}) -ge 2\n"
        "  register: tried\n  retries: 3\n  delay: 0\n- assert: {that: tried.attempts == 2}"
    )
    assert bench.play(play(tasks)).ok
    assert ("try", 1) in bench.recorder.retries


def test_facts_of_a_play_that_gathers_them_are_there_in_one_that_does_not(bench: Any) -> None:
    text = (
        "- hosts: all\n  tasks: [{debug: {msg: '{{ ansible_facts.system }}'}}]\n"
        "- hosts: all\n  gather_facts: false\n  tasks: [{debug: {msg: '{{ ansible_facts.kernel }} {{ ansible_nodename }}'}}]\n"
    )
    assert bench.play(text).ok


def test_a_play_that_gathers_none_has_none(bench: Any) -> None:
    text = "- hosts: a\n  gather_facts: false\n  tasks: [{assert: {that: ansible_facts.kernel is not defined}}]\n"
    assert bench.play(text).ok


@pytest.mark.parametrize("name", ["debug", "ansible.builtin.debug", "mitogen", "mitogen_linear"])
def test_strategies_like_linear_run_as_linear_with_a_warning(bench: Any, name: str) -> None:
    assert bench.play(play(TWO, strategy=name)).ok
    assert [task for task, _, _ in bench.recorder.seen] == ["one", "one", "two", "two"]
    short = name.rsplit(".", maxsplit=1)[-1]
    said = f"play.yml:3: strategy: '{short}' is not supported; 'linear' takes its place"
    assert bench.recorder.warnings[0].endswith(said)


def test_the_free_strategy_of_mitogen_runs_as_free(bench: Any) -> None:
    assert bench.play(play(TWO, strategy="mitogen_free")).ok
    assert "'free' takes its place" in bench.recorder.warnings[0]


def test_a_strategy_that_nobody_has_is_refused(bench: Any) -> None:
    with pytest.raises(InputError, match=r"play.yml:3: strategy: the strategy 'mitogne' is not supported"):
        bench.play(play(TWO, strategy="mitogne"))
