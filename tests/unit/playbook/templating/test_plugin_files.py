"""Filters of filter_plugins/ and of collections."""

from __future__ import annotations

import re
from typing import Any

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
    assert not play(bench, "'x' | own.filters.nosuch").ok
    assert "play.yml:4: there is no filter 'own.filters.nosuch'" in bench.recorder.warnings[-1]


def test_a_file_of_filters_that_cannot_be_loaded_is_named_where_a_filter_is_missing(bench: Any) -> None:
    bench.write("filter_plugins/broken.py", "import nosuchlibrary\n")
    assert play(bench, "'x' | upper").ok
    assert not play(bench, "'x' | notthere").ok
    expected = r"no filter 'notthere'; .*broken.py cannot be loaded: .*nosuchlibrary"
    assert re.search(expected, bench.recorder.warnings[-1])


TEST = """
class TestModule:
    def tests(self):
        return {{"{name}": lambda value, bound=3: value > bound}}
"""
LOOKUP = """
from ansible.plugins.lookup import LookupBase

class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        if "fail" in terms:
            raise ValueError("as you wish")
        return [f"{term}-{kwargs.get('end')}-{variables['n']}" for term in terms]
"""


def test_tests_of_playbooks_roles_and_collections_are_called(bench: Any) -> None:
    bench.write("test_plugins/sizes.py", TEST.format(name="big_for_play"))
    bench.write("roles/r/test_plugins/sizes.py", TEST.format(name="big_for_role"))
    bench.write("roles/r/tasks/main.yml", "- assert: {that: [4 is big_for_role, 2 is not big_for_role]}")
    top = "collections/ansible_collections/own/checks"
    bench.write(f"{top}/plugins/test/sizes.py", TEST.format(name="big"))
    that = "[4 is big_for_play, 4 is not big_for_play(9), 4 is own.checks.big, 2 is not own.checks.big]"
    head = "- hosts: a\n  gather_facts: false\n"
    assert bench.play(f"{head}  roles: [r]\n  tasks:\n    - assert: {{that: {that}}}\n").ok
    assert not play(bench, "4 is own.checks.nosuch").ok
    assert "there is no test 'own.checks.nosuch'" in bench.recorder.warnings[-1]


def test_lookups_of_playbooks_and_collections_are_called_with_options_and_variables(bench: Any) -> None:
    bench.write("lookup_plugins/tell_of_play.py", LOOKUP)
    bench.write("collections/ansible_collections/own/tellers/plugins/lookup/tell.py", LOOKUP)
    assert play(bench, "lookup('tell_of_play', 'x', end='e') ~ q('own.tellers.tell', 'y', 'z')[1]").ok
    assert "x-e-1z-None-1" in bench.recorder.shown
    loop = '    - debug: {msg: "{{ item }}"}\n      with_own.tellers.tell: [w]\n'
    assert bench.play("- hosts: a\n  gather_facts: false\n  tasks:\n" + loop).ok
    assert "w-None-1" in bench.recorder.shown
    assert not play(bench, "lookup('tell_of_play', 'fail')").ok
    assert "lookup 'tell_of_play': as you wish" in bench.recorder.shown
    assert not play(bench, "lookup('own.tellers.nosuch')").ok
    assert "the lookup 'own.tellers.nosuch' is not supported" in bench.recorder.warnings[-1]


def test_short_names_that_ansible_core_redirects_are_plugins_of_the_collection(bench: Any) -> None:
    top = "collections/ansible_collections/community/general/plugins"
    bench.write(f"{top}/lookup/hiera.py", LOOKUP)
    assert play(bench, "lookup('hiera', 'x')").ok
    assert "x-None-1" in bench.recorder.shown
    bench.write(
        "collections/ansible_collections/kubernetes/core/plugins/filter/k.py",
        PLUGIN.format(name="k8s_config_resource_name"),
    )
    assert play(bench, "'x' | k8s_config_resource_name").ok
