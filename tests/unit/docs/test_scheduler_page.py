"""docs/scheduler.md names every scheduling plugin with its state, and the methods of the extension points."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from kprov.contract.scheduler.arguments import ARGUMENTS
from kprov.contract.scheduler.plugin_sets import BUILT_IN, DEFAULT_PLUGINS, MISSING
from kprov.contract.scheduler.sections import get_spelling
from kprov.kube.scheduler.framework.plugin import Plugin

_PAGE = Path(__file__).parents[3] / "docs" / "scheduler.md"
_PLUGIN = re.compile(r"^\| `(\w+)` \| ([a-z ]+) \| (\d*) ?\| ([^|]*?) ?\|", re.MULTILINE)
_POINT = re.compile(r"^\| ([A-Z]\w+) \| `(\w+)` \|", re.MULTILINE)


def test_the_page_has_every_plugin_with_its_state_and_weight() -> None:
    rows = {name: (state, weight) for name, state, weight, _ in _PLUGIN.findall(_PAGE.read_text())}
    expected = {
        name: ("built in" if name in BUILT_IN else "on", str(traits.weight or ""))
        for name, traits in DEFAULT_PLUGINS.items()
    }
    assert {name: row for name, row in rows.items() if name not in MISSING} == expected
    assert all(rows[name][0] in ("missing", "alpha", "beta") for name in MISSING)


def test_the_page_names_the_arguments_of_each_plugin() -> None:
    rows = {
        name: set(re.findall(r"`(\w+)`", text)) for name, _, _, text in _PLUGIN.findall(_PAGE.read_text())
    }
    common = {"apiVersion", "kind"}
    for name, expected in ARGUMENTS.items():
        assert rows.pop(name) == {get_spelling(field.name) for field in fields(expected)} - common, name
    assert not any(rows.values())


def test_the_page_names_the_method_of_each_extension_point() -> None:
    methods = dict(_POINT.findall(_PAGE.read_text()))
    assert methods
    assert all(callable(getattr(Plugin, method)) for method in methods.values())
    names = {point: re.sub(r"(?<!^)(?=[A-Z])", "_", point).lower() for point in methods}
    # It returns what the queue sorts by, where upstream's plugin compares two pods.
    assert methods == names | {"QueueSort": "get_sort_key"}
