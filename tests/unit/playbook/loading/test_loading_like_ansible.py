"""What public playbooks use: blocks of handlers, files beside the playbook, playbooks of collections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.playbook.ansible_modules import ansible_core
from kprov.playbook.ansible_modules.search import find_own_collection
from kprov.playbook.model.search_paths import SearchPaths

HANDLERS = """
- hosts: a
  gather_facts: false
  tasks:
    - {name: Change, command: echo, notify: [topic, Third]}
  handlers:
    - name: A block
      when: n == 1
      block:
        - {name: First, debug: , listen: topic}
        - {name: Second, debug: , listen: topic, when: n == 2}
        - {name: Third, debug: }
        - {name: Fourth, debug: }
"""


def test_a_block_of_handlers_is_its_tasks_with_its_keywords(bench: Any) -> None:
    bench.play(HANDLERS)
    assert bench.outcomes() == {"Change": "changed", "First": "ok", "Second": "skipped", "Third": "ok"}


@pytest.mark.parametrize("more", ["rescue: [{debug: }]", "always: [{debug: }]"])
def test_a_part_of_a_block_of_handlers_that_never_runs_is_warned_of(bench: Any, more: str) -> None:
    bench.play(HANDLERS.replace("      when: n == 1", f"      {more}"))
    assert bench.outcomes() == {"Change": "changed", "First": "ok", "Second": "skipped", "Third": "ok"}
    assert "play.yml:7: rescue and always of a block of handlers have no effect" in bench.recorder.warnings[0]


def test_handlers_of_nested_blocks_run_in_their_order(bench: Any) -> None:
    bench.play(
        HANDLERS.replace(
            "{name: First, debug: , listen: topic}", "block: [{name: First, debug: , listen: topic}]"
        )
    )
    assert bench.outcomes() == {"Change": "changed", "First": "ok", "Second": "skipped", "Third": "ok"}


@pytest.mark.parametrize("module", ["import_tasks", "include_tasks"])
def test_a_file_of_tasks_is_found_in_the_folder_of_the_playbook(bench: Any, module: str) -> None:
    bench.write("tasks/outer.yml", f"- {module}: tasks/inner.yml\n")
    bench.write("tasks/inner.yml", "- {name: Inner, debug: }\n")
    bench.play("- hosts: a\n  gather_facts: false\n  tasks:\n    - import_tasks: tasks/outer.yml\n")
    assert bench.outcomes()["Inner"] == "ok"


def test_a_playbook_of_a_collection_finds_the_roles_of_its_collection(bench: Any) -> None:
    collection = "ansible_collections/space/tools"
    bench.write(f"{collection}/roles/hello/tasks/main.yml", "- {name: Hello, debug: }\n")
    path = bench.write(
        f"{collection}/playbooks/site.yml", "- hosts: a\n  gather_facts: false\n  roles: [hello]\n"
    )
    paths = SearchPaths(collections=(bench.folder,))
    with bench.engine(paths=paths) as engine:
        engine.run(path)
    assert bench.outcomes() == {"space.tools.hello : Hello": "ok"}


def test_the_collection_of_a_folder() -> None:
    assert find_own_collection(Path("/x/ansible_collections/space/tools/playbooks")) == ["space.tools"]
    assert find_own_collection(Path("/x/ansible_collections/space")) == []
    assert find_own_collection(Path("/x/playbooks")) == []


def test_a_role_to_include_may_be_named_by_the_argument_role(bench: Any) -> None:
    bench.write("roles/r/tasks/main.yml", "- {name: Hello, debug: }\n")
    for module in ("include_role", "import_role"):
        bench.recorder.seen.clear()
        assert bench.play(f"- hosts: a\n  gather_facts: false\n  tasks:\n    - {module}: {{role: r}}\n").ok
        assert bench.outcomes()["r : Hello"] == "ok"


def test_user_of_a_play_is_the_remote_user(bench: Any) -> None:
    path = bench.write("play.yml", "- hosts: a\n  user: deploy\n  tasks: []\n")
    with bench.engine() as engine:
        ((play, _),) = engine.list_plays(path)
    assert play.get("remote_user") == "deploy"


@pytest.mark.parametrize("name", ["win_shell", "ansible.windows.win_command"])
def test_a_command_for_windows_is_text(bench: Any, name: str) -> None:
    top = "collections/ansible_collections/ansible/windows/plugins/modules"
    bench.write(
        f"{top}/{name.rsplit('.', maxsplit=1)[-1]}.ps1",
        "#!powershell\n#AnsibleRequires -CSharpUtil Ansible.Basic\n",
    )
    bench.write(f"library/{name}.ps1", "#!powershell\n")
    text = f'- hosts: a\n  gather_facts: false\n  tasks:\n    - {name}: $x.Replace("\'", 1)\n      when: n == 2\n'
    assert bench.play(text).ok
    assert "is for Windows" in bench.recorder.warnings[0]


def test_an_action_plugin_without_a_module_is_warned_of_where_it_cannot_run(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ansible_core, "is_installed", lambda: False)
    bench.write("action_plugins/own_action.py", "")
    bench.write("collections/ansible_collections/own/things/plugins/action/act.py", "")
    text = "- hosts: a\n  gather_facts: false\n  tasks:\n    - own_action: {x: 1}\n      when: n == 2\n"
    assert bench.play(text + "    - own.things.act: {}\n      when: n == 2\n").ok
    assert len(bench.recorder.warnings) == 2
    assert "has a part that runs on the operator's machine" in bench.recorder.warnings[1]
