"""Roles that are used more than once, what they are called, and whose handlers are meant."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.errors import InputError

HEAD = "- hosts: a\n  gather_facts: false\n"


def role(bench: Any, name: str, tasks: str, **files: str) -> None:
    bench.write(f"roles/{name}/tasks/main.yml", tasks)
    for folder, text in files.items():
        bench.write(f"roles/{name}/{folder}/main.yml", text)


def ran(bench: Any, task: str) -> int:
    return sum(name == task and outcome != "skipped" for name, _, outcome in bench.recorder.seen)


def test_a_role_runs_once_and_one_that_was_only_skipped_did_not_run(bench: Any) -> None:
    role(bench, "base", "- {name: T, debug: {msg: x}}")
    role(bench, "user", "- {name: U, debug: {msg: x}}", meta="dependencies: [base]")
    bench.play(HEAD + "  roles: [{role: user, when: false}, user, user, {role: base, tags: other}]")
    assert bench.order() == ["base : T", "user : U", "base : T", "user : U", "base : T"]
    assert (ran(bench, "base : T"), ran(bench, "user : U")) == (2, 1)


def test_a_role_that_allows_it_runs_as_often_as_it_is_named(bench: Any) -> None:
    role(bench, "twice", "- {name: T, debug: {msg: x}}", meta="allow_duplicates: true")
    bench.play(HEAD + "  roles: [twice, twice]\n  tasks: [{include_role: {name: twice}}]")
    assert ran(bench, "twice : T") == 3


def test_an_included_role_may_run_once(bench: Any) -> None:
    role(bench, "r", "- {name: T, debug: {msg: x}}")
    include = "    - {include_role: {name: r, allow_duplicates: false}}\n"
    bench.play(HEAD + "  tasks:\n" + 2 * include)
    assert ran(bench, "r : T") == 1


def test_the_handlers_of_the_last_use_are_notified_and_of_one_file_the_first(bench: Any) -> None:
    handlers = "- {name: H, debug: {msg: 'first {{ word }}'}}\n- {name: H, debug: {msg: 'second {{ word }}'}}"
    tasks = "- {name: T, debug: {msg: x}, changed_when: true, notify: H}"
    role(bench, "r", tasks, handlers=handlers)
    bench.play(HEAD + "  roles: [{role: r, word: one}, {role: r, word: two}]")
    assert ran(bench, "r : H") == 1
    assert "first two" in bench.recorder.shown


def test_a_notified_handler_is_the_one_that_is_last_when_handlers_run(bench: Any) -> None:
    tasks = "- {name: T, debug: {msg: x}, changed_when: true, notify: H}"
    role(bench, "r", tasks, handlers="- {name: H, debug: {msg: 'handler {{ word }}'}}")
    bench.write("roles/r/tasks/other.yml", "[]")
    include = "    - {include_role: {name: r, tasks_from: other}, vars: {word: two}}\n"
    bench.play(HEAD + "  roles: [{role: r, word: one}]\n  tasks:\n" + include)
    assert ran(bench, "r : H") == 1
    assert "handler two" in bench.recorder.shown


def test_names_of_roles(bench: Any) -> None:
    names = (
        "{{ ansible_play_role_names }} {{ ansible_dependent_role_names }} {{ ansible_role_names | sort }}"
        " {{ ansible_parent_role_names | default('-') }}"
    )
    role(bench, "base", f'- {{name: T, debug: {{msg: "{names}"}}}}')
    role(bench, "user", "- {import_role: {name: base}}", meta="dependencies: [base]")
    bench.play(HEAD + "  roles: [user]")
    assert "['base', 'user'] ['base'] ['base', 'user'] -" in bench.recorder.shown
    assert "['base', 'user'] ['base'] ['base', 'user'] ['user']" in bench.recorder.shown


def test_a_dependency_finds_files_of_the_role_that_depends_on_it(bench: Any) -> None:
    look = "{{ lookup('file', 'f') }} {{ ansible_search_path | length }}"
    role(bench, "base", f'- {{name: T, debug: {{msg: "{look}"}}}}')
    role(bench, "user", "[]", meta="dependencies: [base]")
    bench.write("roles/user/files/f", "of the user")
    assert bench.play(HEAD + "  roles: [user]").ok
    assert "of the user 4" in bench.recorder.shown


def test_metas_for_all_ask_the_first_host_only(bench: Any) -> None:
    tasks = (
        "    - {name: Not b, meta: end_play, when: inventory_hostname == 'b'}\n"
        "    - {name: After, debug: {msg: x}}\n"
        "    - {name: End a, meta: end_host, when: n == 1}\n"
        "    - {name: Rest, debug: {msg: x}}\n"
    )
    bench.play("- hosts: all\n  gather_facts: false\n  tasks:\n" + tasks)
    assert bench.order("a") == ["Not b", "After"]
    assert bench.order("b") == ["After", "End a", "Rest"]


def test_roles_that_depend_on_each_other_are_refused(bench: Any) -> None:
    role(bench, "one", "[]", meta="dependencies: [two]")
    role(bench, "two", "[]", meta="dependencies: [one]")
    with pytest.raises(InputError, match="roles depend on or import each other"):
        bench.play(HEAD + "  roles: [one]")


def test_a_linked_role_is_called_as_its_link_and_is_a_role_of_its_own(bench: Any) -> None:
    role(bench, "real", "- {name: T, debug: {msg: '{{ role_name }} {{ role_path }}'}}")
    (bench.folder / "roles/link").symlink_to("real")
    bench.play(HEAD + "  roles: [link, real]")
    assert bench.order() == ["link : T", "real : T"]
    real = (bench.folder / "roles/real").resolve()
    assert f'"link {real}"' in bench.recorder.shown
    assert f'"real {real}"' in bench.recorder.shown


def test_a_role_named_by_its_path_is_called_as_its_folder(bench: Any) -> None:
    role(bench, "real", "- {name: T, debug: {msg: x}}")
    bench.play(HEAD + f"  roles: ['{bench.folder}/roles/real']")
    assert bench.order() == ["real : T"]


def test_roles_of_collections_are_found_by_their_full_name_and_by_the_keyword(bench: Any) -> None:
    top = "collections/ansible_collections/own/things"
    bench.write(f"{top}/roles/web/meta/main.yml", "dependencies: [base]")
    bench.write(
        f"{top}/roles/web/tasks/main.yml",
        "- {name: T, debug: {msg: '{{ role_name }} of {{ ansible_role_name }} in {{ ansible_collection_name }}'},"
        " changed_when: true, notify: ['web : H', 'own.things.web : G']}\n"
        "- own_module: {word: there}\n",
    )
    bench.write(
        f"{top}/roles/web/handlers/main.yml", "- {name: H, debug: {msg: x}}\n- {name: G, debug: {msg: x}}"
    )
    bench.write(f"{top}/roles/base/tasks/main.yml", "- {name: B, debug: {msg: x}}")
    bench.write(
        f"{top}/plugins/modules/own_module.py",
        "#!/usr/bin/python\n# WANT_JSON\nprint('{\"changed\": false}')\n",
    )
    assert bench.play(
        HEAD + "  roles: [own.things.web]\n  tasks: [{import_role: {name: own.things.base}}]"
    ).ok
    names = ["base : B", "web : T", "web : own_module", "base : B", "web : H", "web : G"]
    assert bench.order() == [f"own.things.{name}" for name in names]
    assert "web of own.things.web in own.things" in bench.recorder.shown
    assert bench.play(HEAD + "  collections: [own.things]\n  tasks: [{include_role: {name: base}}]").ok


def test_a_role_searches_the_collections_of_its_meta_and_not_of_the_play(bench: Any) -> None:
    module = "#!/usr/bin/python\n# WANT_JSON\nprint('{\"changed\": false}')\n"
    bench.write("collections/ansible_collections/own/things/plugins/modules/own_module.py", module)
    role(bench, "knows", "- own_module: {}", meta="collections: [own.things]")
    role(bench, "knows_not", "- own_module: {}")
    assert bench.play(HEAD + "  roles: [knows]").ok
    with pytest.raises(InputError, match="the module 'own_module' is not supported"):
        bench.play(HEAD + "  collections: [own.things]\n  roles: [knows_not]")


def test_a_role_of_a_collection_that_is_not_installed_is_refused_with_what_to_install(bench: Any) -> None:
    with pytest.raises(InputError, match=r"ansible-galaxy collection install no\.such"):
        bench.play(HEAD + "  roles: [no.such.role]")
