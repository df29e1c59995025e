"""How hosts are reached is looked at before any of them is: with file, line and variable."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.errors import InputError
from kprov.inventory.sources.load import load_inventory
from kprov.playbook.results.run_result import RunOptions
from kprov.playbook.running.engine import Engine

PLAY = "- hosts: all\n  gather_facts: false\n  tasks:\n    - command: touch {{ out }}/touched\n"
WRONG = {
    "ansible_become_method: runas": "become_method 'runas' is not supported; sudo, su, doas are",
    "ansible_ssh_common_args: -o Sillyness=yes": "ssh's option 'Sillyness=yes' is not supported; remove it",
    "ansible_ssh_extra_args: -i": "ssh's option -i needs a value",
    "ansible_ssh_args: '-o \"User=x'": "No closing quotation",
    "ansible_port: 99999": "'99999' is not a port",
    "ansible_timeout: soon": "'soon' is not a number of seconds",
    "ansible_connection: winrm": "connection 'winrm' is not supported; use ssh or local",
    "kprov_host_key_checking: maybe": "'maybe' must be one of yes, accept-new, ask, no",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_connection_variable_is_refused_before_any_host_is_touched(bench: Any, line: str) -> None:
    bench.write("group_vars/far.yml", f"---\n{line}\n")
    text = (bench.folder / "hosts.yml").read_text()
    bench.write("hosts.yml", text + "  children: {far: {hosts: {c: }}}\n")
    with pytest.raises(InputError) as error:
        bench.play(PLAY)
    assert (
        str(error.value)
        == f"{bench.folder}/group_vars/far.yml:2: {line.split(':', maxsplit=1)[0]}: c: {WRONG[line]}"
    )
    assert not (bench.folder / "touched").exists()


def test_hosts_that_take_no_part_and_templates_are_not_looked_at(bench: Any) -> None:
    bench.write("host_vars/b.yml", "ansible_become_method: runas\n")
    bench.write("host_vars/a.yml", "ansible_become_method: \"{{ 'sudo' }}\"\nansible_port: ''\n")
    path = bench.write("play.yml", PLAY)
    with Engine(load_inventory(bench.folder / "hosts.yml"), RunOptions(limit="a"), bench.recorder) as engine:
        assert engine.run(path).exit_code == 0


def test_reaching_hosts_checks_them_too(bench: Any) -> None:
    bench.write("host_vars/b.yml", "ansible_port: much\n")
    with (
        Engine(load_inventory(bench.folder / "hosts.yml"), RunOptions(), bench.recorder) as engine,
        pytest.raises(InputError, match=r"b\.yml:1: ansible_port"),
    ):
        engine.reach_hosts()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- hosts: all\n  become_method: ksu\n  tasks: []\n", 1),
        ("- hosts: all\n  tasks:\n    - block:\n        - command: echo\n          become_method: ksu\n", 4),
    ],
)
def test_an_unknown_become_method_of_a_play_is_refused_with_its_place(
    bench: Any, text: str, line: int
) -> None:
    with pytest.raises(InputError) as error:
        bench.play(text)
    begin = f"{bench.folder}/play.yml:{line}: become_method: become_method 'ksu' is not supported"
    assert str(error.value).startswith(begin)
