"""What tasks say of themselves: items of includes, facts that are kept, roles' arguments, encrypted files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kprov.inventory import secrets
from kprov.inventory.vault import keyring, vault_format
from kprov.inventory.vault.keyring import Keyring, Password

HEAD = "- hosts: a\n  gather_facts: false\n"


@pytest.fixture
def keys() -> Iterator[None]:
    keyring.use_keyring(Keyring([Password("default", b"the-password")]))
    yield
    keyring.use_keyring(None)
    secrets.forget()


def test_a_looped_include_tells_of_items_whose_condition_is_not_met(bench: Any) -> None:
    bench.write("inner.yml", "- {name: Inner, debug: {msg: x}}")
    include = "{name: I, include_tasks: inner.yml, loop: [1, 2], when: item == 2}"
    bench.play(HEAD + f"  tasks:\n    - {include}\n")
    assert bench.order() == ["I", "Inner"]
    assert '"false_condition": "item == 2", "item": 1' in bench.recorder.shown


def test_a_looped_include_without_items_is_skipped(bench: Any) -> None:
    none = "{name: None, include_tasks: inner.yml, loop: []}"
    unmet = "{name: Unmet, include_tasks: inner.yml, loop: [1], when: false}"
    bench.play(HEAD + f"  tasks:\n    - {none}\n    - {unmet}\n")
    assert bench.outcomes() == {"None": "skipped", "Unmet": "skipped"}
    assert "No items in the list" in bench.recorder.shown
    assert "All items skipped" in bench.recorder.shown


def test_a_cacheable_fact_is_a_fact_of_the_host_too(bench: Any) -> None:
    tasks = (
        "    - set_fact: {kept: 1, cacheable: true}\n"
        '    - debug: {msg: "{{ kept }} {{ ansible_facts.kept }} {{ plain | default(0) }}"}\n'
    )
    bench.play(HEAD + "  tasks:\n" + tasks)
    assert "1 1 0" in bench.recorder.shown


def test_an_unknown_nested_argument_of_a_role_is_named_with_its_list(bench: Any) -> None:
    bench.write("roles/r/tasks/main.yml", "[]")
    bench.write(
        "roles/r/meta/argument_specs.yml",
        "argument_specs:\n  main:\n    options:\n"
        "      entries: {type: list, elements: dict, options: {key: {type: str}}}\n",
    )
    result = bench.play(HEAD + "  roles: [{role: r, entries: [{other: 1}]}]")
    assert "entries.other. Supported parameters include: key." in result.errors[0]["message"]


def test_an_encrypted_template_is_rendered_and_encrypted_variables_are_masked(
    bench: Any, keys: None, tmp_path: Path
) -> None:
    bench.write("t.j2", vault_format.encrypt(b"word={{ word }}\n", b"the-password"))
    bench.write("v.yml", vault_format.encrypt(b"word: never-shown\n", b"the-password"))
    tasks = (
        "    - {name: V, include_vars: v.yml}\n"
        '    - {name: T, template: {src: t.j2, dest: "{{ out }}/t"}, no_log: true}\n'
    )
    assert bench.play(HEAD + "  tasks:\n" + tasks).ok
    assert (tmp_path / "t").read_text() == "word=never-shown\n"
    assert "never-shown" not in bench.recorder.shown


def test_a_localhost_that_no_inventory_names_is_no_host_of_hostvars(bench: Any) -> None:
    bench.play(
        '- hosts: a\n  gather_facts: false\n  tasks: [{debug: {msg: "{{ hostvars | list }}"}}]\n'
        "- hosts: localhost\n  gather_facts: false\n"
        '  tasks: [{name: L, debug: {msg: "{{ inventory_hostname }} {{ hostvars.localhost.inventory_hostname }}"}}]\n'
    )
    assert '["a", "b"]' in bench.recorder.shown
    assert "localhost localhost" in bench.recorder.shown
