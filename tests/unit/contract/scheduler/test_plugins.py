"""The table of scheduling plugins: each row has extension points that exist."""

from __future__ import annotations

from kprov.contract.scheduler.plugin_sets import Plugins
from kprov.contract.scheduler.plugins import PLUGINS, UNSUPPORTED


def test_each_plugin_has_points_that_a_profile_can_name() -> None:
    points = {name for name, _ in Plugins().list_sets()} - {"multiPoint"}
    for name, traits in PLUGINS.items():
        assert traits.points, name
        assert traits.points <= points, name
        assert not traits.weight or "score" in traits.points, name


def test_a_plugin_is_supported_or_not() -> None:
    assert not UNSUPPORTED & PLUGINS.keys()
