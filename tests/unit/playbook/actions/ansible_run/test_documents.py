"""Documents for ansible-core: what it reads back has no text that it trusts as a template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import is_trusted_as_template

from kprov.playbook.actions.ansible_run import documents, run_task

ODD = ["{{ 1 }}", "!vault x", "a: b", "line\nbreak\n", "\0\x1b", "é\udc80", "'\"", "", "yes", "12", "\\", "~"]


def read_back(path: Path) -> Any:
    return DataLoader().load_from_file(str(path), cache="none", trusted_as_template=True)


def find_trusted(value: Any) -> list[str]:
    """The texts and keys that ansible-core would render."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in find_trusted(part)]
    if isinstance(value, list):
        return [text for part in value for text in find_trusted(part)]
    return [value] if is_trusted_as_template(value) else []


def test_ansible_core_reads_the_same_values_and_trusts_none(tmp_path: Path) -> None:
    value: dict[str, Any] = {
        "texts": ODD,
        "keys": dict.fromkeys(ODD, 1),
        "others": [1, 2.5, True, None, {}, []],
    }
    value["types"] = {"__ansible_vault": "x", "__ansible_type": "_AnsibleTaggedStr", "__ansible_unsafe": 5}
    documents.write(tmp_path / "file.yml", [documents.Data(value)])
    (found,) = read_back(tmp_path / "file.yml")
    assert find_trusted(found) == []
    clean = [text.replace("\udc80", "?") for text in ODD]
    assert found == {**value, "texts": clean, "keys": dict.fromkeys(clean, 1)}


def test_only_this_user_reads_a_document(tmp_path: Path) -> None:
    documents.write(tmp_path / "deep/file.yml", {})
    assert (tmp_path / "deep/file.yml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["a[1:3]", "a:22", "!a", "~a", "a,b", "-x", "*", "", "a b"])
def test_a_name_that_an_inventory_expands_is_no_plain_name(name: str) -> None:
    assert not documents.is_plain_name(name)


@pytest.mark.parametrize("name", ["a", "node-1.example.org", "10.0.0.1", "localhost", "a_b"])
def test_names_of_hosts_are_plain_names(name: str) -> None:
    assert documents.is_plain_name(name)


def test_variables_of_a_task_are_rendered_but_no_lookup_is_called_unasked(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def collect(call: Any, _module: Any) -> dict[str, Any]:
        seen.update(documents.collect_variables(call))
        return {"changed": False}

    monkeypatch.setattr(run_task, "run", collect)
    bench.write("action_plugins/show.py", "")
    text = """- hosts: a
  gather_facts: false
  vars:
    later: "{{ n + 1 }}"
    effect: "{{ lookup('pipe', 'touch ' ~ out ~ '/canary') }}"
    undefined_one: "{{ nothing }}"
    broken: "{{ n | no_such_filter }}"
    ansible_become_password: secret
    large: "{{ 'x' * 1000000 }}"
    data: !unsafe "{{ n }}"
  tasks:
    - show: {}
      loop: [first]
"""
    assert bench.play(text).ok
    assert not (bench.folder / "canary").exists()
    assert {name: seen.get(name) for name in ("later", "item", "n", "data")} == {
        "later": 2, "item": "first", "n": 1, "data": "{{ n }}",
    }  # fmt: skip
    left_out = {"effect", "undefined_one", "broken", "ansible_become_password", "large", "hostvars", "groups"}
    assert left_out & set(seen) == set()
