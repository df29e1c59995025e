"""Templates in the names of imports and roles."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.errors import InputError

HEAD = "- hosts: a\n  gather_facts: false\n"


def test_imports_take_templates_of_what_is_known_when_files_are_read(bench: Any) -> None:
    bench.write("one.yml", "- {name: One, debug: {msg: x}}")
    bench.write("other.yml", HEAD + "  tasks: [{name: Other, debug: {msg: x}}]\n")
    bench.write("roles/r/defaults/main.yml", "kind: plain")
    bench.write("roles/r/tasks/main.yml", "- import_tasks: '{{ role_path }}/tasks/{{ kind }}.yml'")
    bench.write("roles/r/tasks/plain.yml", "- {name: Plain, debug: {msg: x}}")
    bench.write("roles/r/tasks/special.yml", "- {name: Special, debug: {msg: x}}")
    text = (
        "- import_playbook: '{{ book }}.yml'\n"
        "  vars: {book: other}\n"
        + HEAD
        + "  vars: {word: one, chosen: r}\n"
        + "  roles: ['{{ chosen }}', {role: '{{ chosen }}', kind: special}]\n"
        + "  tasks:\n"
        + "    - import_tasks: '{{ word }}.yml'\n"
        + "    - import_tasks: '{{ given }}.yml'\n"
        + "      vars: {given: nothing}\n"
        + "    - import_role: {name: '{{ chosen }}'}\n"
        + "    - import_tasks: '{{ own }}.yml'\n"
        + "      vars: {own: one}\n"
    )
    assert bench.play(text, extra_vars={"given": "one"}).ok
    names = ["Other", "r : Plain", "r : Special", "One", "One", "r : Plain", "One"]
    assert bench.order() == names


def test_a_name_that_needs_a_host_is_refused_with_its_place(bench: Any) -> None:
    with pytest.raises(InputError, match=r"play.yml:4: the name '{{ n }}.yml' needs variables.*'n' is undef"):
        bench.play(HEAD + "  tasks:\n    - import_tasks: '{{ n }}.yml'\n")


def test_a_playbook_of_a_collection_is_imported_by_its_full_name(bench: Any) -> None:
    book = "collections/ansible_collections/own/things/playbooks/all.yml"
    bench.write(book, HEAD + "  tasks: [{name: There, debug: {msg: x}}]\n")
    assert bench.play("- import_playbook: own.things.all\n").ok
    assert bench.order() == ["There"]
    with pytest.raises(InputError, match=r"own\.things\.nosuch was not found"):
        bench.play("- import_playbook: own.things.nosuch\n")
