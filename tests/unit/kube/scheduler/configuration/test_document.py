"""KubeSchedulerConfiguration: what a file may say, what it means, and how mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kprov.contract.scheduler.profiles import API_VERSION
from kprov.kube.scheduler import options
from kprov.kube.scheduler.configuration.document import KIND
from tests.unit.kube.scheduler.configuration.configuration_files import list_plugins, read, read_problems

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


def test_an_empty_file_is_the_default_profile(tmp_path: Path) -> None:
    configuration = read(tmp_path)
    assert [profile.scheduler_name for profile in configuration.profiles] == ["default-scheduler"]
    assert dict(list_plugins(tmp_path, "score")) == {
        "TaintToleration": 3,
        "NodeAffinity": 2,
        "NodeResourcesFit": 1,
        "VolumeBinding": 1,
        "PodTopologySpread": 2,
        "InterPodAffinity": 2,
        "DynamicResources": 2,
        "NodeResourcesBalancedAllocation": 1,
        "ImageLocality": 1,
    }


def test_all_mistakes_are_named_together_with_their_fields(tmp_path: Path) -> None:
    plugins = {
        "score": {"enabled": [{"name": "NodeName"}]},
        "filter": {"enabled": [{"name": "Nothing"}], "disabled": [{"name": "Nobody"}]},
    }
    arguments = [
        {"name": "DefaultPreemption", "args": {"minCandidateNodesPercentage": 101}},
        {
            "name": "NodeResourcesFit",
            "args": {"scoringStrategy": {"resources": [{"name": "cpu", "weight": 200}]}},
        },
        {"name": "NodeName", "args": {}},
        {"name": "InterPodAffinity", "args": {"weight": 1}},
    ]
    profile = {"schedulerName": "one", "plugins": plugins, "pluginConfig": arguments}
    assert read_problems(
        tmp_path,
        podInitialBackoffSeconds=20,
        extenders=[
            {"urlPrefix": "localhost", "prioritizeVerb": "score", "bindVerb": "bind"},
            {
                "urlPrefix": "http://localhost",
                "bindVerb": "bind",
                "httpTimeout": "5",
                "managedResources": [{"name": "cpu"}],
            },
        ],
        profiles=[profile, {"schedulerName": "one"}],
    ) == [
        "podMaxBackoffSeconds: must be greater than or equal to podInitialBackoffSeconds",
        'extenders[0].urlPrefix: "localhost" is no absolute URL with http or https',
        "extenders[0].weight: must have a positive weight applied to it",
        'extenders[1].httpTimeout: time: missing unit in duration "5"',
        'extenders[1].managedResources[0].name: "cpu" is an invalid extended resource name',
        "extenders: only one extender can implement bind",
        'profiles[0].plugins.filter.enabled[0].name: plugin "Nothing" does not exist',
        'profiles[0].plugins.filter.disabled[0].name: plugin "Nobody" does not exist',
        'profiles[0].plugins.score.enabled[0].name: plugin "NodeName" does not extend score',
        "profiles[0].pluginConfig[0].args.minCandidateNodesPercentage: not in valid range [0, 100]",
        "profiles[0].pluginConfig[1].args.scoringStrategy.resources[0].weight: not in valid range (0, 100]",
        'profiles[0].pluginConfig[2].name: plugin "NodeName" takes no arguments',
        "profiles[0].pluginConfig[3].args: Object contains unknown field `weight`",
        'profiles[1].schedulerName: duplicate value "one"',
    ]


def test_unknown_fields_are_errors(tmp_path: Path) -> None:
    assert read_problems(tmp_path, profiles=[{"plugin": {}}]) == [
        "profiles[0]: Object contains unknown field `plugin`"
    ]
    assert read_problems(tmp_path, parallelism="many") == ["parallelism: Expected `int`, got `str`"]


def test_mistakes_end_the_program_before_it_starts(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"apiVersion": API_VERSION, "kind": KIND, "parallelism": 0}))
    with pytest.raises(SystemExit) as caught:
        options.parse([f"--config={path}"])
    assert str(caught.value) == f"Error: {path}: parallelism: should be an integer value greater than zero"
