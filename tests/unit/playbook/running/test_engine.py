"""The language, played on this machine over the local connection: the same agent and gate as over SSH."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kprov.errors import InputError


def tasks(text: str) -> str:
    return "- hosts: all\n  gather_facts: false\n  tasks:\n" + "".join(
        f"    {line}\n" for line in text.strip("\n").split("\n")
    )


Write = Callable[[str], str]


def test_a_second_run_changes_nothing(bench: Any) -> None:
    text = tasks(
        '- copy: {dest: "{{ out }}/{{ inventory_hostname }}-{{ item }}", content: "{{ item }}\\n"}\n  loop: [x, y]'
    )
    assert bench.play(text).changed == 2
    assert bench.play(text).changed == 0
    assert (bench.folder / "b-y").read_text() == "y\n"


def test_handlers_run_once_at_the_end_and_only_when_notified(bench: Any) -> None:
    text = tasks(
        '- name: t\n  copy: {dest: "{{ out }}/h-{{ inventory_hostname }}", content: x}\n  notify: [h, h]'
    )
    text += "  handlers:\n    - name: never\n      debug:\n    - name: h\n      debug:\n"
    bench.play(text)
    assert [name for name, host, _ in bench.recorder.seen if host == "a"] == ["t", "h"]
    bench.recorder.seen.clear()
    bench.play(text)
    assert [name for name, host, _ in bench.recorder.seen if host == "a"] == ["t"]


def test_each_changed_item_of_a_loop_notifies_with_its_own_value(bench: Any) -> None:
    text = tasks(
        '- name: t\n  copy: {dest: "{{ out }}/l-{{ inventory_hostname }}-{{ item }}", content: x}\n'
        '  loop: [x, y]\n  notify: "h {{ item }}"'
    )
    text += "  handlers:\n    - name: h x\n      debug:\n    - name: h y\n      debug:\n"
    bench.play(text)
    assert [name for name, host, _ in bench.recorder.seen if host == "a"] == ["t", "h x", "h y"]


def test_a_failed_host_is_set_aside_and_others_finish(bench: Any) -> None:
    result = bench.play(tasks("- name: one\n  fail: {msg: nope}\n  when: n == 1\n- name: two\n  debug:"))
    assert bench.outcomes("a") == {"one": "failed"}
    assert bench.outcomes("b") == {"one": "skipped", "two": "ok"}
    assert (result.exit_code, result.errors[0]["host"], result.errors[0]["message"]) == (1, "a", "nope")


def test_rescue_and_always(bench: Any) -> None:
    text = "- block:\n    - name: bad\n      fail:\n  rescue:\n    - name: rescued\n      debug:\n  always:\n    - name: always\n      debug:\n- name: after\n  debug:"
    result = bench.play(tasks(text))
    assert list(bench.outcomes("b")) == ["bad", "rescued", "always", "after"]
    assert result.ok


def test_register_conditions_and_until(bench: Any) -> None:
    text = """
- command: echo {{ n }}
  register: said
  changed_when: said.stdout == '2'
- name: only b
  debug:
  when: said is changed
- command: sh -c 'echo x >> {{ out }}/tries-{{ n }}; test $(wc -l < {{ out }}/tries-{{ n }}) = 3'
  register: tries
  until: tries.rc == 0
  retries: 5
  delay: 0
- assert: {that: ["tries.attempts == 3", "said.stdout_lines == [n | string]"]}
- command: "false"
  failed_when: false
"""
    assert bench.play(tasks(text)).ok
    assert (bench.outcomes("a")["only b"], bench.outcomes("b")["only b"]) == ("skipped", "ok")


def test_roles_with_defaults_dependencies_templates_and_includes(bench: Any) -> None:
    files = {
        "roles/base/defaults/main.yml": "level: low\nbase_name: base\n",
        "roles/app/meta/main.yml": "dependencies: [base]\n",
        "roles/app/defaults/main.yml": "level: high\n",
        "roles/app/templates/a.j2": "{% for h in groups['all'] %}\n{{ h }}={{ hostvars[h].n }}\n{% endfor %}\n{% include 'part.j2' %}\n",
        "roles/app/tasks/main.yml": "- include_tasks: more.yml\n  loop: [1, 2]\n  loop_control: {loop_var: nr}\n",
        "roles/app/tasks/more.yml": '- template: {src: a.j2, dest: "{{ out }}/{{ inventory_hostname }}-{{ nr }}"}\n',
    }
    for name, content in files.items():
        (bench.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (bench.folder / name).write_text(content)
    (bench.folder / "roles/app/templates/part.j2").write_text("{{ level }} {{ base_name }} {{ given }}\n")
    result = bench.play(
        "- hosts: all\n  gather_facts: false\n  roles:\n    - {role: app, vars: {given: is}}\n"
    )
    assert result.ok, result.errors
    assert (bench.folder / "b-2").read_text() == "a=1\nb=2\nhigh base is\n"


def test_extra_variables_do_not_override_magic_variables_in_hostvars(bench: Any) -> None:
    text = """
- assert:
    that: ["inventory_hostname in ['a', 'b']", "hostvars['b'].inventory_hostname == 'b'", "hostvars['b'].own == 1"]
"""
    assert bench.play(tasks(text), extra_vars={"inventory_hostname": "x", "own": 1}).ok


def test_run_once_delegation_and_facts_on_demand(bench: Any) -> None:
    text = """
- command: echo once
  run_once: true
  register: once
- set_fact: {copy_of: "{{ once.stdout }}"}
- assert: {that: ["hostvars['b'].copy_of == 'once'"]}
- command: echo there
  delegate_to: b
"""
    assert bench.play(tasks(text)).ok
    facts = tasks("- assert: {that: [\"ansible_facts['system'] == 'Linux'\", ansible_processor_vcpus > 0]}")
    assert bench.play(facts.replace("gather_facts: false", "gather_facts: true")).ok


def test_tags_limit_and_start(bench: Any) -> None:
    text = tasks(
        "- {name: one, debug: , tags: x}\n- {name: two, debug: , tags: [y, never]}\n- {name: three, debug: , tags: always}"
    )
    bench.play(text, tags=("x",), limit="a")
    assert bench.outcomes("a") == {"one": "ok", "three": "ok"}
    assert bench.outcomes("b") == {}
    bench.recorder.seen.clear()
    bench.play(text, start_at_task="three")
    assert bench.outcomes("a") == {"three": "ok"}


def test_check_mode_changes_nothing_and_shows_the_difference(bench: Any) -> None:
    result = bench.play(tasks('- copy: {dest: "{{ out }}/f", content: new}'), check=True, diff=True)
    assert result.changed == 2
    assert not (bench.folder / "f").exists()
    assert "new" in bench.recorder.shown


def test_no_log_is_kept_from_output_errors_and_journal(bench: Any) -> None:
    text = tasks("- command: sh -c 'echo hush-hush; exit 1'\n  no_log: true")
    result = bench.play(text, journal=bench.folder / "journal")
    said = (
        bench.recorder.shown
        + json.dumps(result.to_json())
        + next((bench.folder / "journal").iterdir()).read_text()
    )
    assert "hush-hush" not in said
    assert not result.ok


def test_an_undefined_variable_names_expression_and_place(bench: Any) -> None:
    result = bench.play(tasks('- debug: {msg: "{{ nowhere.at_all }}"}'))
    message = result.errors[0]["message"]
    assert "'nowhere' is undefined" in message
    assert "nowhere.at_all" in message
    assert "play.yml:4" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- no_such_module: {}", ["play.yml:4", "no_such_module"]),
        ("- ansible.builtin.templat: {}", ["did you mean 'template'"]),
        ("- debug:\n  whne: x", ["play.yml:5", "did you mean 'when'"]),
        ("- name: empty", ["names no module"]),
    ],
)
def test_what_is_not_supported_is_refused_at_load(bench: Any, text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        bench.play(tasks(text))
    for word in words:
        assert word in str(caught.value)
    assert not bench.recorder.seen


def test_precedence_of_variables(bench: Any) -> None:
    text = '- hosts: a\n  gather_facts: false\n  vars: {v: play, w: play}\n  tasks:\n    - debug: {msg: "{{ v }} {{ w }} {{ n }}"}\n      vars: {v: task}\n'
    bench.play(text, extra_vars={"n": "extra"})
    assert "task play extra" in bench.recorder.shown


def test_an_error_contains_the_output_of_the_failed_program(bench: Any) -> None:
    tasks = "  tasks:\n    - shell: echo said; exit 1\n      when: n == 1\n    - shell: echo said; echo why >&2; exit 1\n"
    result = bench.play(f"- hosts: all\n  gather_facts: false\n{tasks}")
    assert [error["message"] for error in result.errors] == [
        "non-zero return code: said",
        "non-zero return code: why",
    ]


def test_a_name_wakes_its_handler_and_those_that_listen_to_it(bench: Any) -> None:
    text = """
- hosts: all
  gather_facts: false
  tasks:
    - {name: configure, command: echo, notify: Restart}
  handlers:
    - {name: Look first, command: echo, listen: Restart}
    - {name: Restart, command: echo}
    - {name: Look after, command: echo, listen: Restart}
"""
    bench.play(text)
    assert bench.order() == ["configure", "Look first", "Restart", "Look after"]
