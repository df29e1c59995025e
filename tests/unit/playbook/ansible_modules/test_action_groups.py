"""Arguments that `module_defaults` has for a group of modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.playbook.ansible_modules.action_groups import list_members
from kprov.playbook.ansible_modules.search import ModuleSearch
from kprov.playbook.model.search_paths import SearchPaths

SAY = """#!/bin/sh
: WANT_JSON
printf '{"changed": false, "args": '
cat "$1"
echo '}'
"""
RUNTIME = """
action_groups:
  words:
    - say
    - other.things.shout
    - metadata: {extend_group: [own.things.more, words]}
  more: [whisper]
"""


def make_collection(folder: Path, name: str = "own/things") -> None:
    top = folder / "collections/ansible_collections" / name
    for part in ("plugins/modules", "meta"):
        (top / part).mkdir(parents=True)
    for module in ("say", "whisper", "sing"):
        (top / "plugins/modules" / module).write_text(SAY)
    (top / "meta/runtime.yml").write_text(RUNTIME)


def search(folder: Path) -> ModuleSearch:
    return ModuleSearch((folder,), SearchPaths())


def test_a_group_has_its_modules_and_those_of_the_groups_it_extends(tmp_path: Path) -> None:
    make_collection(tmp_path)
    found = list_members("own.things.words", search(tmp_path))
    assert found == {"own.things.say", "other.things.shout", "own.things.whisper"}


def test_a_group_that_no_collection_has_is_empty(tmp_path: Path) -> None:
    make_collection(tmp_path)
    for group in ("own.things.none", "no.such.words", "words"):
        assert list_members(group, search(tmp_path)) == frozenset()


def test_a_short_name_is_of_the_collection_that_ansible_documents(tmp_path: Path) -> None:
    make_collection(tmp_path, "kubernetes/core")
    runtime = tmp_path / "collections/ansible_collections/kubernetes/core/meta/runtime.yml"
    runtime.write_text("action_groups: {k8s: [k8s_info]}\n")
    assert list_members("k8s", search(tmp_path)) == {"kubernetes.core.k8s_info"}


@pytest.mark.parametrize(("module", "mood"), [("say", "'calm'"), ("whisper", "'calm'"), ("sing", "''")])
def test_modules_of_the_group_get_its_arguments(bench: Any, module: str, mood: str) -> None:
    make_collection(bench.folder)
    text = f"""- hosts: a
  gather_facts: false
  module_defaults:
    group/own.things.words: {{mood: calm}}
    group/none: {{region: x}}
  tasks:
    - own.things.{module}: {{word: x}}
      register: it
    - assert: {{that: "it.args.mood | default('') == {mood}"}}
"""
    assert bench.play(text).ok, bench.recorder.shown
