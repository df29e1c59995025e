"""What public playbooks use: blocks of handlers, files beside the playbook, playbooks of collections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
