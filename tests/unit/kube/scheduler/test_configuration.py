"""KubeSchedulerConfiguration: what a file may say, what it means, and how mistakes are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.scheduler import options
from kprov.kube.scheduler.configuration.arguments import ARGUMENTS
from kprov.kube.scheduler.configuration.document import API_VERSION, KIND, Configuration, load
from kprov.kube.scheduler.configuration.plugin_sets import BUILT_IN, DEFAULT_PLUGINS, expand_point
from kprov.kube.scheduler.framework import Plugin
from tests.unit.kube.scheduler.test_decisions import Lab, node, pod

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


def read(tmp_path: Path, **fields: Any) -> Configuration:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"apiVersion": API_VERSION, "kind": KIND} | fields))
    return load(str(path))


def read_problems(tmp_path: Path, **fields: Any) -> list[str]:
    """Without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, **fields)
    return [line.removeprefix(f"{tmp_path}/config.yaml: ") for line in str(caught.value).splitlines()]


def list_plugins(tmp_path: Path, point: str, **plugins: Any) -> list[tuple[str, int]]:
    profile = read(tmp_path, profiles=[{"plugins": plugins}]).profiles[0]
    return [(plugin.name, plugin.weight) for plugin in expand_point(profile.plugins, point)]


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


def test_the_queue_and_the_binder_cannot_be_disabled(tmp_path: Path) -> None:
    everything = {"multiPoint": {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeName"}]}}
    assert read_problems(tmp_path, profiles=[{"plugins": everything}]) == [
        "profiles[0].plugins.queueSort: exactly one plugin must be enabled, such as PrioritySort",
        "profiles[0].plugins.bind: at least one plugin must be enabled, such as DefaultBinder",
    ]


def test_mistakes_end_the_program_before_it_starts(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"apiVersion": API_VERSION, "kind": KIND, "parallelism": 0}))
    with pytest.raises(SystemExit) as caught:
        options.parse([f"--config={path}"])
    assert str(caught.value) == f"Error: {path}: parallelism: should be an integer value greater than zero"


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


def build_lab(*nodes: Any, name: str, args: Any) -> Lab:
    return Lab(*nodes, profile={"pluginConfig": [{"name": name, "args": args}]})


def test_the_most_allocated_strategy_fills_nodes() -> None:
    strategy = {"scoringStrategy": {"type": "MostAllocated"}}
    lab = build_lab(node("a", cpu="8"), node("b", cpu="8"), name="NodeResourcesFit", args=strategy)
    assert len({lab.place(pod(f"p{number}", cpu="1")) for number in range(6)}) == 1


def test_a_shape_prefers_what_it_says() -> None:
    """The ratio that packs nodes, as the documentation has it."""
    shape = [{"utilization": 0, "score": 0}, {"utilization": 100, "score": 10}]
    strategy = {"type": "RequestedToCapacityRatio", "requestedToCapacityRatio": {"shape": shape}}
    lab = build_lab(
        node("a", cpu="8"), node("b", cpu="8"), name="NodeResourcesFit", args={"scoringStrategy": strategy}
    )
    assert len({lab.place(pod(f"p{number}", cpu="1")) for number in range(6)}) == 1


def test_ignored_resources_need_not_exist() -> None:
    wants = pod("p")
    wants.spec.containers[0].resources.requests["example.com/gpu"] = "1"
    for args in ({"ignoredResources": ["example.com/gpu"]}, {"ignoredResourceGroups": ["example.com"]}):
        assert build_lab(node("n"), name="NodeResourcesFit", args=args).schedule_pod(wants).node == "n"
    assert not Lab(node("n")).schedule_pod(wants).node


def test_an_added_affinity_holds_for_every_pod() -> None:
    term = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["red"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    lab = build_lab(node("n"), name="NodeAffinity", args={"addedAffinity": required})
    assert lab.schedule_pod(pod()).diagnosis.message == (
        "0/1 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity."
    )
    lab.state.set_node(node("red", labels={"team": "red"}))
    assert lab.schedule_pod(pod()).node == "red"


def test_default_constraints_may_reject_nodes() -> None:
    constraint = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}
    args = {"defaultingType": "List", "defaultConstraints": [constraint]}
    lab = build_lab(node("a"), node("b", cpu="1"), name="PodTopologySpread", args=args)
    placed = [lab.place(pod(f"p{number}", cpu="1", labels={"app": "web"})) for number in range(3)]
    assert sorted(placed) == ["a", "a", "b"]
    assert not lab.schedule_pod(pod("p3", cpu="1", labels={"app": "web"})).node


def test_without_the_post_filter_nothing_is_preempted() -> None:
    profile = {"plugins": {"postFilter": {"disabled": [{"name": "*"}]}}}
    assert not Lab(profile=profile).profile.post_filters
