"""Files and roles that use each other in a loop are named, with the file and line that closes the loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.playbook.loading.playbook_loader import load_playbook


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "p.yml"


def test_a_playbook_that_imports_itself_is_refused(tmp_path: Path) -> None:
    playbook = write(tmp_path, p="- import_playbook: q.yml\n", q="\n- import_playbook: p.yml\n")
    with pytest.raises(InputError, match=r"q\.yml:2: .*in a loop: p\.yml > q\.yml > p\.yml"):
        load_playbook(playbook)


def test_files_of_tasks_that_import_each_other_are_not_called_roles(tmp_path: Path) -> None:
    playbook = write(
        tmp_path,
        p="- hosts: all\n  tasks:\n    - import_tasks: a.yml\n",
        a="- import_tasks: b.yml\n",
        b="- debug:\n- import_tasks: a.yml\n",
    )
    with pytest.raises(
        InputError, match=r"b\.yml:2: files of tasks import each other in a loop: a\.yml > b\.yml > a\.yml"
    ):
        load_playbook(playbook)


def test_roles_that_depend_on_each_other_are_named(tmp_path: Path) -> None:
    playbook = write(
        tmp_path,
        p="- hosts: all\n  roles: [a]\n",
        roles__a__meta__main="dependencies: [b]\n",
        roles__b__meta__main="dependencies:\n  - a\n",
    )
    with pytest.raises(
        InputError, match=r"roles/b/meta/main\.yml:2: roles depend on .* in a loop: a > b > a"
    ):
        load_playbook(playbook)


def test_the_same_file_may_be_imported_twice(tmp_path: Path) -> None:
    imports = "    - import_tasks: a.yml\n"
    playbook = write(tmp_path, p=f"- hosts: all\n  tasks:\n{imports}{imports}", a="- debug:\n")
    (play,) = load_playbook(playbook)
    assert len(play.sections[1]) == 2


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("{command: echo, register: a b}", r"p\.yml:3: register: 'a b' is not a valid variable name"),
        ("{command: echo, register: 5}", r"register: 5 is not a valid variable name"),
        ("{command: echo, loop: [1], loop_control: {loop_var: a-b}}", r"loop_var: 'a-b' is not a valid"),
        ("{command: echo, loop: [1], loop_control: {index_var: 1x}}", r"index_var: '1x' is not a valid"),
    ],
)
def test_a_name_that_no_template_could_use_is_refused(tmp_path: Path, task: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_playbook(write(tmp_path, p=f"- hosts: all\n  tasks:\n    - {task}\n"))


@pytest.mark.parametrize(
    ("play", "message"),
    [
        ("hosts: 5", r"p\.yml:1: hosts: must be text or a list, not 5"),
        ("hosts: 2024-01-01", "must be text or a list, not 2024-01-01"),
        ("hosts: {a: 1}", "must be text or a list"),
    ],
)
def test_hosts_that_are_no_pattern_are_refused(tmp_path: Path, play: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_playbook(write(tmp_path, p=f"- {play}\n  tasks: []\n"))


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("meta__main", "dependencies: 5\n", "dependencies: must be a list of roles"),
        ("meta__argument_specs", "[1]\n", "must be a mapping with argument_specs"),
        ("meta__argument_specs", "argument_specs: [1]\n", "must be a mapping of entry points"),
    ],
)
def test_a_role_with_a_wrong_meta_is_refused(tmp_path: Path, file: str, text: str, message: str) -> None:
    files = {"p": "- hosts: all\n  roles: [r]\n", "roles__r__tasks__main": "[]\n", f"roles__r__{file}": text}
    with pytest.raises(InputError, match=message):
        load_playbook(write(tmp_path, **files))
