"""What a playbook may say, and the place that an error names."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.errors import InputError
from kprov.playbook.loading.arguments import split_words

HEAD = "- hosts: all\n  gather_facts: false\n  tasks:\n"


def play(text: str) -> str:
    return HEAD + "".join(f"    {line}\n" for line in text.strip().splitlines())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- meta: end_all", ["play.yml:4", "end_play"]),
        ("- include_role: {nmae: x}", ["play.yml:4", "include_role takes no argument 'nmae'"]),
        (
            "- import_tasks: '{{ x }}.yml'",
            ["play.yml:4", "needs variables that are known when files are read"],
        ),
        ("- import_tasks: none.yml", ["play.yml:4", "none.yml was not found"]),
        ("- debug:\n  loop_control: {lable: x}", ["'lable' is not an option of loop_control"]),
        ("- synchronize: {src: x}", ["play.yml:4", "use copy or unarchive"]),
        ("- debug:\n  debugger: sometimes", ["play.yml:5", "debugger", "on_failed"]),
        ("- command: 'echo \"x'", ["play.yml:4", "quotes or braces are not closed"]),
    ],
)
def test_a_mistake_is_refused_before_a_host_is_touched(bench: Any, text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        bench.play(play(text))
    for word in words:
        assert word in str(caught.value)
    assert bench.recorder.seen == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- file:\n    path: /x\n    stat: directory", ["play.yml:6", "'stat'", "did you mean 'state'"]),
        ("- file: {path: /x, state: folder}", ["play.yml:4", "file: value of state must be", "folder"]),
        ("- file: {state: directory}", ["play.yml:4", "file needs path"]),
        ("- debug: {msg: x, var: y}", ["play.yml:4", "debug: use only one of msg, var"]),
        ("- apt: {name: x, pkgs: y}", ["play.yml:4", "apt takes no argument 'pkgs'"]),
        ("- pause: {seconds: 1}\n  timeout: 3", ["play.yml:4", "timeout has no effect on pause"]),
    ],
)
def test_a_wrong_argument_is_warned_of_and_fails_its_task(bench: Any, text: str, words: list[str]) -> None:
    result = bench.play(play(f"- {{name: Before, debug: }}\n{text}").replace("play.yml:4", "play.yml:5"))
    assert not result.ok
    warned, failed = bench.recorder.warnings[0], result.errors[0]["message"]
    place, *others = words
    assert place.replace(":4", ":5").replace(":6", ":7") in warned
    for word in others:
        assert word in warned
        assert word in failed
    assert bench.outcomes()["Before"] == "ok"


def test_a_wrong_argument_of_a_task_that_is_skipped_does_no_harm(bench: Any) -> None:
    text = "- name: Old\n  command: 'true'\n  args: {warn: false}\n  when: false"
    assert bench.play(play(text)).ok
    assert bench.outcomes() == {"Old": "skipped"}
    assert "command takes no argument 'warn'" in bench.recorder.warnings[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- debug: {msg: '{{ n | nosuch }}'}", ["play.yml:4", "there is no filter 'nosuch'"]),
        ("- debug:\n  when: n is nosuch", ["play.yml:5", "there is no test 'nosuch'"]),
        (
            "- debug: {msg: '{{ lookup(\"nosuch\", 1) }}'}",
            ["play.yml:4", "the lookup 'nosuch' is not supported"],
        ),
    ],
)
def test_an_unknown_plugin_is_warned_of_and_fails_its_task(bench: Any, text: str, words: list[str]) -> None:
    result = bench.play(play(text))
    assert not result.ok
    assert "nosuch" in result.errors[0]["message"]
    for word in words:
        assert word in bench.recorder.warnings[0]


def test_an_unknown_handler_is_warned_of_and_fails_the_task_that_notifies_it(bench: Any) -> None:
    text = play("- debug:\n  notify: nobody")
    assert bench.play(text).ok
    assert "play.yml:4: notify: the handler 'nobody' does not exist" in bench.recorder.warnings[0]
    with pytest.raises(InputError, match="'nobody' was not found"):
        bench.play(text.replace("debug:", "command: 'true'"))


@pytest.mark.parametrize("place", ["play", "task", "block"])
def test_the_debugger_has_no_effect_and_is_warned_of(bench: Any, place: str) -> None:
    text = {
        "play": "- hosts: a\n  debugger: on_failed\n  gather_facts: false\n  tasks: [{debug: }]\n",
        "task": play("- debug:\n  debugger: on_failed"),
        "block": play("- debugger: on_failed\n  block: [{debug: }]"),
    }[place]
    assert bench.play(text).ok
    line = {"play": 2, "task": 5, "block": 4}[place]
    assert [text.split("play.yml")[1] for text in bench.recorder.warnings] == [
        f":{line}: the keyword 'debugger' has no effect; use --step, --check, --diff and debug tasks"
    ]
    bench.recorder.warnings.clear()
    assert bench.play(text.replace("on_failed", "never")).ok
    assert bench.recorder.warnings == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "- hosts: all\n  vars: [{a: 1}]\n",
            ["play.yml:2: vars", "vars of a play must be a mapping, not a list"],
        ),
        ("- hosts: all\n  vars: some\n", ["play.yml:2", "must be a mapping, not a str"]),
        ("- hosts: all\n  vars:\n    a-b: 1\n", ["play.yml:3", "'a-b' is not a valid variable name"]),
        ("- hosts: all\n  tasks:\n    - ping:\n      vars: [a]\n", ["play.yml:4", "vars of a task"]),
        (
            "- hosts: all\n  tasks:\n    - ping:\n      loop_control: [a]\n",
            ["play.yml:4", "loop_control must"],
        ),
        (
            "- hosts: all\n  tasks:\n    - ping:\n      notify: [{a: 1}]\n",
            ["play.yml:4", "must name handlers"],
        ),
        ("- hosts: all\n  tasks:\n    - block: []\n      vars: 1\n", ["play.yml:4", "vars of a block"]),
        ("- hosts: all\n  roles:\n    - role: x\n      vars: 1\n", ["play.yml:4", "vars of a role"]),
        ("- import_playbook: x.yml\n  vars: [a]\n", ["play.yml:2", "must be a mapping"]),
        ("- hosts: all\n  module_defaults: text\n", ["play.yml:2", "module_defaults must be a mapping"]),
        (
            "- hosts: all\n  tasks:\n    - ping:\n      module_defaults: [text]\n",
            ["play.yml:4", "module_defaults must be a mapping"],
        ),
        ("- hosts: all\n  tags: {a: b}\n", ["play.yml:2", "tags must be text"]),
        ("- hosts: all\n  tasks:\n    - ping:\n      tags: [[a]]\n", ["play.yml:4", "tags must be text"]),
        (
            "- hosts: all\n  tasks:\n    - ping:\n      delegate_to: {a: b}\n",
            ["play.yml:4", "delegate_to must be text, not hold a dict"],
        ),
        ("- hosts: all\n  vars_files: [{a: b}]\n", ["play.yml:2", "vars_files must hold names of files"]),
        ("- hosts: all\n  vars_files: [[a, 5]]\n", ["play.yml:2", "vars_files must hold names of files"]),
    ],
)
def test_a_keyword_of_a_wrong_type_is_refused_with_its_place(bench: Any, text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        bench.play(text)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "a=1 b='two words' c={{ x | default('y z') }}",
            ["a=1", "b='two words'", "c={{ x | default('y z') }}"],
        ),
        ("echo {% if a %} b {% endif %} c", ["echo", "{% if a %}", "b", "{% endif %}", "c"]),
        ('path="a \\" b" x', ['path="a \\" b"', "x"]),
        (
            "docker inspect --format '{{ '{{ .Image }}' }}' x",
            ["docker", "inspect", "--format", "'{{ '{{ .Image }}' }}'", "x"],
        ),
        ("echo {{ '{{ .Image }}' }} b", ["echo", "{{ '{{ .Image }}' }}", "b"]),
        ("echo {{ '}}' }} {% raw %}it's{% endraw %}'", ["echo", "{{ '}}' }}", "{% raw %}it's{% endraw %}'"]),
        ("echo {# don't #} {{ it's }} b", ["echo", "{# don't #}", "{{ it's }}", "b"]),
        ("", []),
    ],
)
def test_words_hold_together_in_quotes_and_braces(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_free_form_has_its_own_options_and_actions_their_old_forms(bench: Any) -> None:
    text = """
- command: pwd chdir={{ out }} creates={{ out }}/none
  register: here
- assert: {that: here.stdout == out | realpath}
- action: command echo {{ n }}
  register: old
- local_action: {module: command, cmd: "echo local"}
  register: local
- assert: {that: ["old.stdout == n | string", "local.stdout == 'local'"]}
- file: path={{ out }}/d-{{ n }} state=directory mode=0750
- copy: "{{ args }}"
  vars: {args: {dest: "{{ out }}/v-{{ n }}", content: v}}
"""
    assert bench.play(play(text)).ok
    assert (bench.folder / "d-1").stat().st_mode & 0o777 == 0o750
    assert (bench.folder / "v-2").read_text() == "v"


def test_module_defaults_are_below_what_a_task_says(bench: Any) -> None:
    text = """
- block:
    - copy: {dest: "{{ out }}/m-{{ n }}", content: x}
    - copy: {dest: "{{ out }}/o-{{ n }}", content: x, mode: "0644"}
  module_defaults: {ansible.builtin.copy: {mode: "0600"}}
"""
    assert bench.play(play(text)).ok
    assert (bench.folder / "m-1").stat().st_mode & 0o777 == 0o600
    assert (bench.folder / "o-1").stat().st_mode & 0o777 == 0o644


def test_a_role_refuses_arguments_that_it_does_not_take(bench: Any) -> None:
    bench.write(
        "roles/r/meta/argument_specs.yml",
        "argument_specs:\n  main:\n    short_description: a role\n    options:\n"
        "      size: {type: int, required: true}\n      kind: {choices: [x, y], default: x}\n",
    )
    bench.write("roles/r/tasks/main.yml", "- name: work\n  debug:\n")
    text = "- hosts: a\n  gather_facts: false\n  roles:\n    - {role: r, vars: {size: %s, kind: %s}}\n"
    assert bench.play(text % (3, "y")).ok
    assert bench.order() == ["r : Validating arguments against arg spec 'main' - a role", "r : work"]
    result = bench.play(text % ("big", "z"))
    assert "Validation of arguments failed" in result.errors[0]["message"]
    assert "must be one of: x, y" in result.errors[0]["message"]


def test_variables_that_are_asked_for(bench: Any) -> None:
    bench.recorder.answers = {"Colour [red]: ": ""}
    text = (
        "- hosts: a\n  gather_facts: false\n  vars_prompt: [{name: colour, prompt: Colour, default: red}]\n"
        "  tasks:\n    - assert: {that: colour == 'red'}\n"
    )
    assert bench.play(text).ok


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "- debug:\n\n- file: {path: /x, stat: directory}\n",
            ["late.yml:3", "file takes no argument 'stat'"],
        ),
        ("- debug: {msg: [}\n", ["late.yml:1: YAML"]),
        ("- block:\n    - debug: {msg: '{{ n | nosuch }}'}\n", ["late.yml:2", "nosuch"]),
    ],
)
def test_a_mistake_in_a_file_that_is_included_late_names_that_file(
    bench: Any, text: str, words: list[str]
) -> None:
    bench.write("late.yml", text)
    result = bench.play(play("- include_tasks: '{{ name }}.yml'\n  vars: {name: late}"))
    assert result.errors
    assert all(word in error["message"] for word in words for error in result.errors)


@pytest.mark.parametrize("module", ["command", "shell"])
def test_a_command_may_make_braces_by_a_template(bench: Any, module: str) -> None:
    text = f"""
- {module}: echo {{{{ '{{{{ .Image }}}}' }}}}
  register: it
- assert: {{that: ["it.stdout | length == 12", "'.Image' in it.stdout"]}}
"""
    assert bench.play(play(text)).ok


def test_an_action_may_be_a_template(bench: Any) -> None:
    text = """
- name: once
  action: "{{ m }} echo one"
  vars: {m: command}
  register: it
- name: looped
  action: "{{ item.m }}"
  args: "{{ item.a }}"
  loop:
    - {m: ansible.builtin.command, a: {cmd: echo two}}
    - {m: set_fact, a: {here: three}}
  register: all
- assert: {that: ["it.stdout == 'one'", "all.results[0].stdout == 'two'", "here == 'three'"]}
"""
    assert bench.play(play(text)).ok


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("nosuch", "the module 'nosuch' is not supported"),
        ("include_tasks", "the action 'include_tasks' must be written as it is"),
        ("file", "file needs path"),
    ],
)
def test_a_templated_action_that_cannot_be_done_fails_with_its_place(
    bench: Any, module: str, message: str
) -> None:
    result = bench.play(play(f'- action: "{{{{ m }}}}"\n  vars: {{m: {module}}}'))
    assert not result.ok
    assert message in bench.recorder.shown
    assert "play.yml:4" in bench.recorder.shown


def test_handlers_of_an_imported_file_may_listen(bench: Any) -> None:
    bench.write("more.yml", "- {name: H, listen: topic, debug: {msg: x}}\n")
    text = play("- {command: 'true', notify: topic}") + "  handlers:\n    - import_tasks: more.yml\n"
    assert bench.play(text).ok
    assert bench.outcomes()["H"] == "ok"


def test_a_task_may_not_listen(bench: Any) -> None:
    bench.write("more.yml", "- {name: H, listen: topic, debug: {msg: x}}\n")
    with pytest.raises(InputError, match=r"more.yml:1: 'listen' is not a keyword of a task"):
        bench.play(play("- import_tasks: more.yml"))
