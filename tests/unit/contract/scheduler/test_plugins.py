"""The table of scheduling plugins: each row has extension points that exist, and is read by both wings."""

from __future__ import annotations

from kprov.contract.scheduler.plugins import PLUGINS, UNSUPPORTED
from kprov.inventory.cluster import scheduler_profiles
from kprov.kube.scheduler.configuration import plugin_sets
from kprov.kube.scheduler.configuration.plugin_sets import Plugins


def test_each_plugin_has_points_that_a_profile_can_name() -> None:
    points = {name for name, _ in Plugins().list_sets()} - {"multiPoint"}
    for name, traits in PLUGINS.items():
        assert traits.points, name
        assert traits.points <= points, name
        assert not traits.weight or "score" in traits.points, name


def test_a_plugin_is_supported_or_not() -> None:
    assert not UNSUPPORTED & PLUGINS.keys()


def test_both_wings_read_this_table() -> None:
    assert plugin_sets.DEFAULT_PLUGINS is PLUGINS
    assert plugin_sets.MISSING is UNSUPPORTED is scheduler_profiles.MISSING
    assert {name: traits.points for name, traits in PLUGINS.items()} == scheduler_profiles.PLUGINS
