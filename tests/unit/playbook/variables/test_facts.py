"""Facts of modules as variables: named as the module named them, as in ansible-core."""

from __future__ import annotations

from typing import Any

HEAD = "- hosts: a\n  gather_facts: false\n  tasks:\n"
MODULE = """#!/usr/bin/python
# WANT_JSON
import json
facts = {
    "services": {"ssh": {"state": "running"}},
    "ansible_flavour": "sweet",
    "groups": "taken",
    "inventory_hostname": "taken",
    "role_path": "taken",
    "ansible_host": "taken",
    "kprov_failed": "taken",
    "no name": "taken",
}
print(json.dumps({"changed": False, "ansible_facts": facts}))
"""


def test_a_fact_without_the_prefix_is_a_variable_of_its_name(bench: Any) -> None:
    bench.write("library/own_facts.py", MODULE)
    that = [
        "services.ssh.state == 'running'",
        "ansible_facts.services.ssh.state == 'running'",
        "ansible_services is undefined",
        "ansible_flavour == ansible_facts.flavour",
        "flavour is undefined",
        "hostvars.a.services is defined",
        "'services' in query('varnames', '.+')",
    ]
    tasks = f"    - own_facts:\n    - assert: {{that: {that}}}\n    - meta: clear_facts\n"
    assert bench.play(HEAD + tasks + "    - assert: {that: services is undefined}\n").ok, bench.recorder.shown


def test_a_fact_never_replaces_what_the_engine_tells_or_how_a_host_is_reached(bench: Any) -> None:
    bench.write("library/own_facts.py", MODULE)
    that = [
        "groups is mapping",
        "inventory_hostname == 'a'",
        "role_path is undefined",
        "ansible_host is undefined",
        "kprov_failed == []",
        "hostvars.a.role_path is undefined",
    ]
    tasks = f"    - own_facts:\n    - assert: {{that: {that}}}\n"
    assert bench.play(HEAD + tasks).ok, bench.recorder.shown


def test_services_and_packages_of_a_host_are_variables(bench: Any) -> None:
    text = (
        "    - service_facts:\n    - package_facts: {manager: auto}\n"
        "    - assert: {that: [services is mapping, packages is mapping, services == ansible_facts.services]}\n"
    )
    assert bench.play(HEAD + text).ok, bench.recorder.shown
