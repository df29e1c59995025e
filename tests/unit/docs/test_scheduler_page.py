"""docs/scheduler.md names every scheduling plugin with its state, and the methods of the extension points."""

from __future__ import annotations

import re
from pathlib import Path

from kprov.kube.scheduler.framework import Plugin
from kprov.kube.scheduler.profile import default_plugins
from kprov.kube.scheduler.volumes.listers import VolumeListers

_PAGE = Path(__file__).parents[3] / "docs" / "scheduler.md"
_PLUGIN = re.compile(r"^\| `(\w+)` \| ([a-z ]+) \| (\d*) ?\|", re.MULTILINE)
_POINT = re.compile(r"^\| ([A-Z]\w+) \| `(\w+)` \|", re.MULTILINE)


def list_plugins() -> list[Plugin]:
    listers = VolumeListers(lambda *_: None, lambda _: None, lambda _: None, lambda _: (), lambda _: True)
    return default_plugins(lambda _: None, listers)


def test_the_page_has_every_plugin_with_its_weight() -> None:
    rows = {name: weight for name, state, weight in _PLUGIN.findall(_PAGE.read_text()) if state == "on"}
    scoring = Plugin.score
    assert rows == {
        plugin.name: str(plugin.weight) if type(plugin).score is not scoring else ""
        for plugin in list_plugins()
    }


def test_the_page_names_the_method_of_each_extension_point() -> None:
    methods = dict(_POINT.findall(_PAGE.read_text()))
    assert methods
    assert all(callable(getattr(Plugin, method)) for method in methods.values())
    assert all(method == re.sub(r"(?<!^)(?=[A-Z])", "_", point).lower() for point, method in methods.items())
