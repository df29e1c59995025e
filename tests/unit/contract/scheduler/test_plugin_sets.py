"""Which plugins run at which extension point."""

from __future__ import annotations

from pathlib import Path

from kprov.contract.scheduler.arguments import ARGUMENTS
from kprov.contract.scheduler.plugin_sets import BUILT_IN, DEFAULT_PLUGINS
from kprov.kube.scheduler.framework.plugin import Plugin
from tests.unit.kube.scheduler.configuration.configuration_files import list_plugins, read_problems
from tests.unit.kube.scheduler.decision_lab import Lab

METHODS = {
    "queueSort": "get_sort_key",
    "preScore": "pre_score",
    "bind": "bind",
    "preFilter": "pre_filter",
    "filter": "filter",
    "postFilter": "post_filter",
    "score": "score",
    "reserve": "reserve",
    "preBind": "pre_bind",
}


def test_a_weight_replaces_the_default_and_the_plugin_keeps_its_place(tmp_path: Path) -> None:
    before = list_plugins(tmp_path, "score")
    enabled = {"enabled": [{"name": "ImageLocality", "weight": 50}]}
    assert list_plugins(tmp_path, "score", multiPoint=enabled) == [*before[:-1], ("ImageLocality", 50)]


def test_plugins_of_a_point_come_first_and_replace_those_of_all_points(tmp_path: Path) -> None:
    enabled = {"enabled": [{"name": "InterPodAffinity", "weight": 7}]}
    assert list_plugins(tmp_path, "score", score=enabled)[:2] == [
        ("InterPodAffinity", 7),
        ("TaintToleration", 3),
    ]


def test_a_point_without_defaults_runs_what_it_enables(tmp_path: Path) -> None:
    plugin_set = {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeResourcesFit"}]}
    assert list_plugins(tmp_path, "score", score=plugin_set) == [("NodeResourcesFit", 1)]
    assert ("NodeResourcesFit", 1) in list_plugins(tmp_path, "filter", score=plugin_set)


def test_a_plugin_can_be_disabled_everywhere_or_at_one_point(tmp_path: Path) -> None:
    disabled = {"disabled": [{"name": "TaintToleration"}]}
    assert "TaintToleration" not in dict(list_plugins(tmp_path, "filter", multiPoint=disabled))
    assert "TaintToleration" in dict(list_plugins(tmp_path, "filter", score=disabled))
    assert "TaintToleration" not in dict(list_plugins(tmp_path, "score", score=disabled))


def test_names_of_plugins_that_are_missing_here_may_be_disabled_only(tmp_path: Path) -> None:
    entry = [{"name": "GangScheduling"}]
    list_plugins(tmp_path, "filter", multiPoint={"disabled": entry})
    assert read_problems(tmp_path, profiles=[{"plugins": {"multiPoint": {"enabled": entry}}}]) == [
        'profiles[0].plugins.multiPoint.enabled[0].name: plugin "GangScheduling" is not supported'
    ]


def test_the_queue_and_the_binder_cannot_be_disabled(tmp_path: Path) -> None:
    everything = {"multiPoint": {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeName"}]}}
    assert read_problems(tmp_path, profiles=[{"plugins": everything}]) == [
        "profiles[0].plugins.queueSort: exactly one plugin must be enabled, such as PrioritySort",
        "profiles[0].plugins.bind: at least one plugin must be enabled, such as DefaultBinder",
    ]


def test_the_table_of_points_is_that_of_the_classes() -> None:
    """A plugin without a method of its own at a point has nothing to do there."""
    lab = Lab()
    plugins = {
        plugin.name: plugin
        for plugin in (
            *lab.profile.filters,
            *lab.profile.post_filters,
            *(plugin for plugin, _ in lab.profile.scores),
            *lab.profile.queue_sorts,
            *lab.profile.binds,
        )
    }
    assert plugins.keys() == DEFAULT_PLUGINS.keys() - BUILT_IN
    for name, plugin in plugins.items():
        for point, method in METHODS.items():
            if getattr(type(plugin), method) is not getattr(Plugin, method):
                assert point in DEFAULT_PLUGINS[name].points, (name, point)
    assert ARGUMENTS.keys() <= plugins.keys()
