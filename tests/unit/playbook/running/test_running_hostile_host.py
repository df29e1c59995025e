"""A host whose agent answers what it likes: its answers are data, and it decides nothing but its own state.

Each case gives what the host adds to its answers and a playbook that uses them in one way. The template
that it sends would make a file on the operator's machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.errors import KprovError
from kprov.inventory import bounded_regex
from tests.unit.hostile_host import HostileHost

TEMPLATE = "{{ lookup('pipe', 'touch CANARY') }}"
CONDITION = "lookup('pipe', 'touch CANARY') == ''"


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def host(tmp_path: Path, bench: Any) -> HostileHost:
    """The host `a` of the bench is hostile; `b` is not."""
    hostile = HostileHost(tmp_path / "hostile")
    text = (bench.folder / "hosts.yml").read_text()
    bench.write(
        "hosts.yml",
        text.replace("a: {n: 1}", f"a: {{n: 1, ansible_python_interpreter: {hostile.interpreter}}}"),
    )
    return hostile


def attack(bench: Any, host: HostileHost, canary: Path, answer: str, tasks: str) -> Any:
    """Run tasks on the hostile host, whose answers to ping have more keys."""
    template, condition = (text.replace("CANARY", str(canary)) for text in (TEMPLATE, CONDITION))
    host.change_results(
        f"T, C = {template!r}, {condition!r}\nif module in ('ping', 'setup'):\n    result.update({answer})"
    )
    lines = "".join(f"    {line}\n" for line in tasks.strip("\n").splitlines())
    return bench.play(f"- hosts: a\n  gather_facts: false\n  tasks:\n    - ping:\n      register: r\n{lines}")


@pytest.mark.parametrize(
    "answer",
    [
        "_include_vars=True, ansible_facts={'x': T}",
        "_set=True, _cached=True, ansible_facts={'x': T, 'ansible_x': T}",
        "add_host={'host_name': 'a', 'groups': ['g'], 'host_vars': {'x': T}}",
        "add_group='g', parent_groups=['all']",
        "ansible_stats={'data': {'x': T}, 'per_host': False, 'aggregate': True}",
        "results=[{'_include_vars': True, 'ansible_facts': {'x': T}, 'add_group': 'g'}]",
    ],
)
def test_an_answer_has_no_effect_of_an_action(
    bench: Any, host: HostileHost, canary: Path, answer: str
) -> None:
    tasks = """
- debug: {msg: "x={{ x | default('none') }} {{ hostvars.a.x | default('none') }} {{ groups.g | default('none') }}"}
"""
    result = attack(bench, host, canary, answer, tasks)
    assert "x=none none none" in bench.recorder.shown
    assert (result.custom, canary.exists(), result.exit_code) == ({}, False, 0)


#: How a playbook uses an answer. The last task shows the value: the text that the host sent.
USES = {
    "a registered value": "- debug: {msg: '{{ r.x }}'}",
    "a variable of a task": "- debug: {msg: '{{ v }}'}\n  vars: {v: '{{ r.x }}', w: '{{ v }}'}",
    "add_host": "- add_host: {name: new, token: '{{ r.x }}', deep: ['{{ r.x }}']}\n"
    "- debug: {msg: '{{ hostvars.new.token }} {{ hostvars.new.deep }}'}",
    "set_fact": "- set_fact: {v: '{{ r.x }}', w: {deep: ['{{ r.x }}']}}\n- debug: {msg: '{{ v }} {{ w }}'}",
    "set_fact with cacheable": "- set_fact: {ansible_v: '{{ r.x }}', cacheable: true}\n"
    "- debug: {msg: '{{ ansible_v }} {{ ansible_facts.v }} {{ hostvars.a.ansible_v }}'}",
    "facts": "- debug: {msg: '{{ ansible_custom }} {{ ansible_facts.custom }} {{ hostvars.a.ansible_custom }}'}",
    "custom facts": "- setup:\n- debug: {msg: '{{ ansible_local.own.x }}'}",
    "facts that a template gathers": "- debug: {msg: '{{ ansible_kernel }} {{ ansible_facts.custom }}'}",
    "delegated facts": "- ping:\n  delegate_to: a\n  delegate_facts: true\n"
    "- debug: {msg: '{{ hostvars.a.ansible_custom }}'}",
    "group_by": "- group_by: {key: 'g_{{ r.x }}'}\n- debug: {msg: '{{ group_names }}'}",
    "a loop": "- debug: {msg: '{{ item }}'}\n  loop: ['{{ r.x }}', '{{ r.list[0] }}']",
    "a loop over a list": "- debug: {msg: '{{ item }} {{ inner }}'}\n  loop: '{{ r.list }}'\n  vars: {inner: '{{ item }}'}",
    "with_items": "- debug: {msg: '{{ item }}'}\n  with_items: '{{ r.list }}'",
    "with_dict": "- debug: {msg: '{{ item.value }} {{ item.key }}'}\n  with_dict: '{{ r.map }}'",
    "with_nested": "- debug: {msg: '{{ item }}'}\n  with_nested: ['{{ r.list }}', ['x']]",
    "registered results of a loop": "- ping:\n  loop: [1, 2]\n  register: l\n- debug: {msg: '{{ l.results[1].x }}'}",
    "items of a loop that see facts": "- ping:\n  loop: [1, 2]\n  retries: 1\n- debug: {msg: '{{ ansible_custom }}'}",
    "a lookup of variables": "- set_fact: {v: '{{ r.x }}'}\n- debug: {msg: \"{{ lookup('vars', 'v') }}\"}",
    "arguments of a variable": "- debug:\n  args: '{{ r.arguments }}'",
    "the result of a failed task": "- block:\n    - ping:\n      failed_when: true\n  rescue:\n"
    "    - debug: {msg: '{{ ansible_failed_result.x }}'}",
    "module defaults": "- debug:\n  module_defaults:\n    debug: {msg: '{{ r.x }}'}",
    "an environment": "- command: printenv V\n  environment: {V: '{{ r.x }}'}",
    "a label": "- debug: {msg: '{{ r.x }}'}\n  loop: [1]\n  loop_control: {label: '{{ r.x }}'}",
    "a message that failed": "- fail: {msg: '{{ r.x }}'}\n  ignore_errors: true",
    "a validated argument": "- validate_argument_spec:\n    argument_spec: {v: {type: str}}\n  vars: {v: '{{ r.x }}'}\n"
    "- debug: {msg: '{{ r.x }}'}",
    "provided arguments": "- validate_argument_spec:\n    argument_spec: {v: {type: str}}\n"
    "    provided_arguments: {v: '{{ r.x }}'}\n- debug: {msg: '{{ r.x }}'}",
    "a filter": "- debug: {msg: \"{{ r.x | trim }} {{ r | to_json }} {{ [r.x] | map('upper') | list }}\"}",
}
ANSWER = (
    "x=T, list=[T], map={T: T}, arguments={'msg': T}, warnings=[T], diff={'before': T, 'after': T}, "
    "ansible_facts={'ansible_custom': T, 'ansible_local': {'own': {'x': T}}, 'ansible_kernel': T}"
)


@pytest.mark.parametrize("use", USES)
def test_a_text_of_a_host_is_never_a_template(bench: Any, host: HostileHost, canary: Path, use: str) -> None:
    attack(bench, host, canary, ANSWER, USES[use])
    last = bench.recorder.seen[-1]
    assert (last[2] in ("ok", "changed", "ignored"), canary.exists()) == (True, False)
    assert "lookup('pipe', 'touch" in bench.recorder.shown


@pytest.mark.parametrize(
    "tasks",
    [
        "- debug:\n  when: '{{ r.c }}'",
        "- debug:\n  when: v\n  vars: {v: '{{ r.c }}'}",
        "- set_fact: {v: '{{ r.c }}'}\n- debug:\n  when: '{{ v }}'",
        "- assert:\n  args: '{{ r.that }}'",
        "- debug:\n  args: '{{ r.var }}'",
        "- add_host: {name: a, v: '{{ r.c }}'}\n- debug:\n  when: '{{ v }}'",
        "- ping:\n  until: '{{ r.c }}'\n  retries: 1",
    ],
)
def test_a_text_of_a_host_is_never_a_condition(
    bench: Any, host: HostileHost, canary: Path, tasks: str
) -> None:
    result = attack(bench, host, canary, "c=C, that={'that': [C]}, var={'var': C}", tasks)
    assert (result.exit_code, canary.exists()) == (1, False)


def test_a_text_that_a_file_has_as_a_template_stays_data(bench: Any, host: HostileHost, canary: Path) -> None:
    """Compiled templates are found by their text: it must not matter who wrote it."""
    tasks = "- debug: {msg: '{{ n }}'}\n- add_host: {name: new, v: '{{ r.x }}'}\n- debug: {msg: 'v={{ hostvars.new.v }}'}"
    attack(bench, host, canary, "x='{{ n }}'", tasks)
    assert "v={{ n }}" in bench.recorder.shown


def test_facts_never_change_how_a_host_is_reached(bench: Any, host: HostileHost, canary: Path) -> None:
    names = [
        "connection",
        "host",
        "port",
        "user",
        "password",
        "become",
        "become_exe",
        "become_method",
        "sudo_exe",
        "python_interpreter",
        "ssh_executable",
        "ssh_common_args",
        "ssh_args",
        "private_key_file",
        "check_mode",
        "play_hosts",
        "search_path",
    ]
    facts = ", ".join(f"'ansible_{name}': '/attack'" for name in names)
    shown = " ".join(f"{{{{ ansible_{name} | default('-') }}}}" for name in names)
    tasks = f'- ping:\n- meta: reset_connection\n- ping:\n  become: true\n- debug: {{msg: "{shown}"}}'
    result = attack(bench, host, canary, f"ansible_facts={{{facts}}}", tasks)
    assert (result.exit_code, "/attack" in bench.recorder.shown.rpartition('"msg"')[2]) == (0, False)


def test_a_loop_does_not_take_variables_from_facts(bench: Any, host: HostileHost, canary: Path) -> None:
    tasks = "- ping:\n  loop: [1, 2]\n  retries: 1\n  become: '{{ flag | default(false) }}'\n  when: not stop | default(false)"
    attack(
        bench, host, canary, "ansible_facts={'stop': True, 'flag': True, 'ansible_become_exe': '/x'}", tasks
    )
    assert bench.recorder.shown.count("pong") == 3


def test_a_group_does_not_read_files_elsewhere(bench: Any, host: HostileHost, canary: Path) -> None:
    (bench.folder / "group_vars").mkdir()
    bench.write("elsewhere.yml", "x: read")
    tasks = "- group_by: {key: '{{ r.x }}'}\n- debug: {msg: \"x={{ x | default('none') }}\"}"
    attack(bench, host, canary, "x='../elsewhere'", tasks)
    assert "x=none" in bench.recorder.shown


def fetch(bench: Any, host: HostileHost, canary: Path, content: str, tasks: str) -> Any:
    (bench.folder / "sent").write_text(content.replace("CANARY", str(canary)))
    got = f"- fetch: {{src: '{bench.folder}/sent', dest: '{bench.folder}/got', flat: true}}\n"
    return attack(bench, host, canary, "x=T", got + tasks.replace("GOT", f"{bench.folder}/got"))


def test_variables_of_a_fetched_file_are_values(bench: Any, host: HostileHost, canary: Path) -> None:
    tasks = "- include_vars: GOT\n- debug: {msg: 'x={{ x }} {{ y }}'}"
    fetch(bench, host, canary, f'x: "{TEMPLATE}"\ny: ["{TEMPLATE}"]\n', tasks)
    assert ("x={{ lookup" in bench.recorder.shown, canary.exists()) == (True, False)


def test_the_text_of_a_fetched_file_is_a_value(bench: Any, host: HostileHost, canary: Path) -> None:
    tasks = "- add_host: {name: new, v: \"{{ lookup('file', 'GOT') }}\"}\n- debug: {msg: 'v={{ hostvars.new.v }}'}"
    fetch(bench, host, canary, TEMPLATE, tasks)
    assert ("v={{ lookup" in bench.recorder.shown, canary.exists()) == (True, False)


@pytest.mark.parametrize(
    "tasks",
    [
        "- template: {src: GOT, dest: GOT.out}",
        "- debug: {msg: \"{{ lookup('template', 'GOT') }}\"}",
        "- include_tasks: GOT",
    ],
)
def test_a_fetched_file_is_no_template_and_has_no_tasks(
    bench: Any, host: HostileHost, canary: Path, tasks: str
) -> None:
    result = fetch(bench, host, canary, f'- debug: {{msg: "{TEMPLATE}"}}\n', tasks)
    assert (result.exit_code, canary.exists()) == (1, False)
    assert "this run fetched it from a" in result.errors[0]["message"]


def test_a_fetched_file_stays_below_its_folder(bench: Any, host: HostileHost, canary: Path) -> None:
    (bench.folder / "sent").write_text("x")
    source = f"{'../' * 30}{bench.folder}/sent"
    tasks = f"- fetch: {{src: '{{{{ r.x }}}}', dest: {bench.folder}/deep/er}}"
    result = attack(bench, host, canary, f"x='{source}'", tasks)
    assert "which is outside of" in result.errors[0]["message"]


def test_a_resumed_run_takes_no_effect_from_results(bench: Any, host: HostileHost, canary: Path) -> None:
    answer = "x=T, _include_vars=True, add_group='g', ansible_facts={'y': T}"
    tasks = (
        "- fail:\n  when: stop | default(true)\n"
        "- debug: {msg: \"{{ r.x }} y={{ y | default('none') }} {{ groups.g | default('none') }}\"}"
    )
    template = TEMPLATE.replace("CANARY", str(canary))
    host.change_results(f"T = {template!r}\nif module == 'ping':\n    result.update({answer})")
    lines = "".join(f"    {line}\n" for line in tasks.splitlines())
    text = f"- hosts: a\n  gather_facts: false\n  tasks:\n    - ping:\n      register: r\n{lines}"
    path = bench.write("play.yml", text)
    with bench.engine(journal=bench.folder / "journal") as engine:
        journal = engine.run(path).journal
    with bench.engine(journal=bench.folder / "journal", extra_vars={"stop": False}) as engine:
        result = engine.resume(journal)
    assert ("y=none none" in bench.recorder.shown, canary.exists(), result.exit_code) == (True, False, 0)


def test_a_malformed_answer_fails_its_host_alone(bench: Any, host: HostileHost) -> None:
    host.change_frames(
        "def edit(module, header):\n    return {'results': 5} if 'results' in header else header\n"
    )
    result = bench.play("- hosts: all\n  gather_facts: false\n  tasks:\n    - ping:\n    - debug:\n")
    assert bench.outcomes("a") == {"ping": "unreachable"}
    assert bench.outcomes("b") == {"ping": "ok", "debug": "ok"}
    assert "malformed answer to ping: its results are 5" in result.errors[0]["message"]


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("fetch: {src: /etc/hostname, dest: OUT/}", "content=5"),
        ("command: echo", "cmd=[1, None], stdout=5, stderr={}, rc='x', msg=[1]"),
        ("stat: {path: /}", "stat=5, changed='x'"),
        ("setup:", "ansible_facts=None"),
        ("copy: {content: x, dest: OUT/f}", "diff=[5], dest=5, results=5"),
        ("ping:", "results=[5], warnings=5, exception=5, attempts='x', timedout=5"),
    ],
)
def test_values_of_any_type_end_no_run(bench: Any, host: HostileHost, task: str, answer: str) -> None:
    host.change_results(f"result.update({answer})")
    text = f"- hosts: all\n  gather_facts: false\n  tasks:\n    - {task}\n      register: r\n    - debug: {{var: r}}\n"
    try:
        bench.play(text.replace("OUT", str(bench.folder)), diff=True)
    except KprovError as error:
        pytest.fail(f"the run ended: {error}")
    assert "debug" in bench.outcomes("b")


@pytest.mark.parametrize(
    "use",
    [
        "msg: \"{{ r.ping | regex_search('(a+)+$') }}\"",
        "msg: \"{{ r.ping | regex_replace('(a|a)*$', 'x') }}\"",
        "msg: \"{{ [r.ping] | select('match', '(a+)+$') }}\"",
    ],
)
def test_a_text_that_makes_a_regular_expression_backtrack_fails_its_host_alone(
    bench: Any, host: HostileHost, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    bounded_regex.end_workers()
    monkeypatch.setattr(bounded_regex, "SECONDS", 0.1)
    host.change_results("if module == 'ping':\n    result.update(ping='a' * 60 + '!')")
    tasks = f"    - ping:\n      register: r\n    - debug:\n        {use}\n"
    result = bench.play(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
    assert (bench.outcomes("a")["debug"], bench.outcomes("b")["debug"]) == ("failed", "ok")
    assert "took more than 0.1 s on a text of 61 characters" in result.errors[0]["message"]


def test_a_condition_on_a_text_that_backtracks_fails_its_host_alone(
    bench: Any, host: HostileHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded_regex.end_workers()
    monkeypatch.setattr(bounded_regex, "SECONDS", 0.1)
    host.change_results("if module == 'ping':\n    result.update(ping='a' * 60 + '!')")
    tasks = "    - ping:\n      register: r\n      changed_when: r.ping is match('(a+)+$')\n"
    bench.play(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
    assert (bench.outcomes("a")["ping"], bench.outcomes("b")["ping"]) == ("failed", "ok")


@pytest.mark.parametrize("use", ["ansible_kernel", "ansible_facts", "ansible_facts.kernel"])
def test_a_host_that_breaks_when_others_look_at_its_facts_fails_alone(
    bench: Any, host: HostileHost, use: str
) -> None:
    """Facts are gathered when a template uses them, which may be one of another host."""
    host.change_frames("def edit(module, header):\n    return b'x' * 99 if module == 'setup' else header\n")
    show = f"{{{{ hostvars.a.{use} | default('none', true) | string }}}}"
    text = "- hosts: a\n  tasks:\n    - ping:\n- hosts: b\n  gather_facts: false\n  tasks:\n"
    bench.play(f'{text}    - debug: {{msg: "x={show}"}}\n    - debug: {{msg: "y={show}"}}\n    - ping:\n')
    assert {outcome for _, name, outcome in bench.recorder.seen if name == "b"} == {"ok"}
    assert "x=none" in bench.recorder.shown or "x={}" in bench.recorder.shown
