"""Hook files beside an inventory: their names, and their phases around those of an operation."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.hooks import HookProgress, find_hooks, read_hook_files
from kprov.operations.phases import Memory

OPERATIONS = ("node drain", "certs rotate-ca")
PLAY = "- hosts: all\n  tasks:\n    - ansible.builtin.debug:\n        msg: hello\n"


def write_hook(inventory: Path, name: str, text: str = PLAY) -> Path:
    path = inventory / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_an_inventory_needs_no_hooks(tmp_path: Path) -> None:
    assert read_hook_files(tmp_path, OPERATIONS) == {}
    assert find_hooks(tmp_path, "up", OPERATIONS).before is None


def test_hooks_have_the_words_of_the_command(tmp_path: Path) -> None:
    before = write_hook(tmp_path, "before_certs_rotate_ca.yml")
    after = write_hook(tmp_path, "after_up.yaml")
    assert find_hooks(tmp_path, "certs rotate-ca", OPERATIONS).before == before
    assert find_hooks(tmp_path, "certs rotate-ca", OPERATIONS).after is None
    assert find_hooks(tmp_path, "up", OPERATIONS).after == after


def test_a_failed_operation_has_a_hook_of_its_own(tmp_path: Path) -> None:
    failed = write_hook(tmp_path, "failed_node_drain.yml")
    assert find_hooks(tmp_path, "node drain", OPERATIONS).failed == failed
    assert find_hooks(tmp_path, "up", OPERATIONS).failed is None


@pytest.mark.parametrize("name", ["befor_up.yml", "before_node_drian.yml", "up.yml", "tasks.yaml"])
def test_an_unknown_name_is_an_error_that_names_the_file(tmp_path: Path, name: str) -> None:
    path = write_hook(tmp_path, name)
    with pytest.raises(InputError, match="no hook of this name") as caught:
        find_hooks(tmp_path, "up", OPERATIONS)
    assert caught.value.file == path


def test_the_error_names_what_was_meant(tmp_path: Path) -> None:
    write_hook(tmp_path, "before_node_drian.yml")
    with pytest.raises(InputError, match="did you mean 'before_node_drain'"):
        read_hook_files(tmp_path, OPERATIONS)


def test_two_files_of_one_hook_are_an_error(tmp_path: Path) -> None:
    write_hook(tmp_path, "before_up.yml")
    write_hook(tmp_path, "before_up.yaml")
    with pytest.raises(InputError, match="exists twice"):
        read_hook_files(tmp_path, OPERATIONS)


def test_a_hook_of_another_operation_that_is_no_playbook_is_an_error_at_once(tmp_path: Path) -> None:
    write_hook(tmp_path, "after_node_drain.yml", "- hosts: all\n  task: []\n")
    with pytest.raises(InputError, match=r"after_node_drain\.yml"):
        find_hooks(tmp_path, "up", OPERATIONS)


def test_folders_and_other_files_are_no_hooks(tmp_path: Path) -> None:
    write_hook(tmp_path, "README.md", "text")
    (tmp_path / "hooks" / "tasks").mkdir()
    (tmp_path / "hooks" / "tasks" / "silence.yml").write_text("[]")
    assert read_hook_files(tmp_path, OPERATIONS) == {}


def test_hooks_that_finished_in_the_last_release_are_not_repeated() -> None:
    memory = Memory({"hook before": True})
    assert HookProgress.read(memory) == HookProgress(before=True)
    HookProgress(before=True, after=True).store(memory)
    assert HookProgress.read(memory).after
