"""Filters of filter_plugins/ and of collections."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.errors import InputError

PLUGIN = """
def {name}(text, times=1):
    if text == "bad":
        raise RuntimeError("no such thing")
    return text.upper() + "!" * times

class FilterModule:
    def filters(self):
        return {{"{name}": {name}}}
"""


def play(bench: Any, expression: str) -> Any:
    task = f'    - debug: {{msg: "{{{{ {expression} }}}}"}}\n'
    return bench.play(f"- hosts: a\n  gather_facts: false\n  tasks:\n{task}")


def test_filters_of_a_playbook_are_called_and_their_errors_are_the_tasks(bench: Any) -> None:
    bench.write("filter_plugins/shouting.py", PLUGIN.format(name="shout_of_play"))
    assert play(bench, "'x' | shout_of_play(2)").ok
    assert "X!!" in bench.recorder.shown
    assert not play(bench, "'bad' | shout_of_play").ok
    assert "filter 'shout_of_play': no such thing" in bench.recorder.shown
    assert not play(bench, "nothing | shout_of_play").ok
    assert "'nothing' is undefined" in bench.recorder.shown


def test_filters_of_a_role_are_found_in_its_templates(bench: Any) -> None:
    bench.write("roles/r/filter_plugins/shouting.py", PLUGIN.format(name="shout_of_role"))
    bench.write("roles/r/templates/t.j2", "{{ 'x' | shout_of_role }}")
    bench.write("roles/r/tasks/main.yml", "- template: {src: t.j2, dest: '{{ out }}/made'}\n")
    assert bench.play("- hosts: a\n  gather_facts: false\n  roles: [r]\n").ok
    assert (bench.folder / "made").read_text() == "X!"


def test_filters_of_a_collection_are_called_by_their_full_name(bench: Any) -> None:
    top = "collections/ansible_collections/own/filters/plugins"
    bench.write(f"{top}/filter/loud.py", "from ..module_utils.how import END\n" + PLUGIN.format(name="shout"))
    bench.write(f"{top}/module_utils/how.py", "END = 1\n")
    assert play(bench, "'x' | own.filters.shout(3)").ok
    assert "X!!!" in bench.recorder.shown
    with pytest.raises(InputError, match=r"play.yml:4: there is no filter 'own.filters.nosuch'"):
        play(bench, "'x' | own.filters.nosuch")


def test_a_file_of_filters_that_cannot_be_loaded_is_named_where_a_filter_is_missing(bench: Any) -> None:
    bench.write("filter_plugins/broken.py", "import nosuchlibrary\n")
    assert play(bench, "'x' | upper").ok
    with pytest.raises(
        InputError, match=r"no filter 'notthere'; .*broken.py cannot be loaded: .*nosuchlibrary"
    ):
        play(bench, "'x' | notthere")
