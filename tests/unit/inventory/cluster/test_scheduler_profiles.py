"""kube_scheduler_profiles: mistakes are named before a host is touched."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kprov.inventory.cluster import scheduler_profiles
from kprov.inventory.cluster.scheduler_profiles import check_profiles
from kprov.kube.scheduler.configuration.document import Profile
from kprov.kube.scheduler.configuration.plugin_sets import DEFAULT_PLUGINS, MISSING, Plugins


def test_the_provisioner_knows_the_plugins_of_the_scheduler() -> None:
    assert {name: traits.points for name, traits in DEFAULT_PLUGINS.items()} == scheduler_profiles.PLUGINS
    assert MISSING == scheduler_profiles.MISSING


def test_the_provisioner_knows_the_fields_of_a_profile() -> None:
    for known, view in (
        (scheduler_profiles._Profile, Profile),
        (scheduler_profiles._Plugins, Plugins),
    ):
        assert [field.alias for field in known.model_fields.values()] == list(view.__struct_encode_fields__)


def test_a_sound_profile_is_accepted_as_it_is() -> None:
    profiles: list[dict[str, Any]] = [
        {"schedulerName": "packing", "plugins": {"postFilter": {"disabled": [{"name": "*"}]}}},
        {"plugins": {"score": {"enabled": [{"name": "ImageLocality", "weight": 5}]}}},
    ]
    assert check_profiles(profiles) is profiles


@pytest.mark.parametrize(
    ("profile", "problem"),
    [
        ({"scheduler": "a"}, "[1].scheduler: Extra inputs are not permitted"),
        (
            {"plugins": {"score": {"enabled": [{"name": "NodeName"}]}}},
            '[1].plugins.score.enabled[0].name: plugin "NodeName" does not extend score',
        ),
        (
            {"plugins": {"multiPoint": {"disabled": [{"name": "Nobody"}]}}},
            '[1].plugins.multiPoint.disabled[0].name: plugin "Nobody" does not exist',
        ),
        (
            {"plugins": {"score": {"enabled": [{"name": "ImageLocality", "weight": -1}]}}},
            "[1].plugins.score.enabled[0].weight: Input should be greater than or equal to 0",
        ),
        (
            {"pluginConfig": [{"name": "NodeName"}]},
            '[1].pluginConfig[0].name: plugin "NodeName" takes no arguments',
        ),
        (
            {
                "plugins": {
                    "multiPoint": {"disabled": [{"name": "*"}]},
                    "bind": {"enabled": [{"name": "DefaultBinder"}]},
                }
            },
            "[1].plugins.queueSort: exactly one plugin must be enabled, such as PrioritySort",
        ),
        (
            {"plugins": {"bind": {"disabled": [{"name": "DefaultBinder"}]}}},
            "[1].plugins.bind: at least one plugin must be enabled, such as DefaultBinder",
        ),
        (
            {"pluginConfig": [{"name": "InterPodAffinity", "args": {"weight": 1}}]},
            "[1].pluginConfig[0].args.weight: Extra inputs are not permitted",
        ),
        (
            {"pluginConfig": [{"name": "VolumeBinding", "args": {"bindTimeoutSeconds": "5"}}]},
            "[1].pluginConfig[0].args.bindTimeoutSeconds: Input should be a valid integer",
        ),
        ({"schedulerName": "first"}, '[1].schedulerName: duplicate value "first"'),
        (
            {"plugins": {"filter": {"enabled": [{"name": "GangScheduling"}]}}},
            '[1].plugins.filter.enabled[0].name: plugin "GangScheduling" is not supported',
        ),
    ],
)
def test_a_mistake_is_named_with_its_field(profile: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        check_profiles([{"schedulerName": "first"}, profile])
