"""Profiles and extenders in an inventory: mistakes are named before a host is touched, as by the scheduler."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from kprov.contract.scheduler import extenders
from kprov.contract.scheduler.profiles import PluginConfig, Profile
from kprov.contract.scheduler.sections import read
from kprov.inventory.cluster.scheduler_configuration import check_extenders, check_profiles
from kprov.kube.scheduler.configuration import document

AFFINITY = {
    "requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "team", "operator": "In", "values": ["red"]}]}]
    }
}
SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
SHAPE = [{"utilization": 0, "score": 0}, {"utilization": 100, "score": 10}]


@pytest.mark.parametrize(
    ("plugin", "arguments"),
    [
        ("DefaultPreemption", {"minCandidateNodesPercentage": 0, "minCandidateNodesAbsolute": 1}),
        ("DefaultPreemption", {"kind": "DefaultPreemptionArgs"}),
        ("DynamicResources", {"filterTimeout": "0", "bindingTimeout": "1m30s"}),
        ("InterPodAffinity", {"hardPodAffinityWeight": 100, "ignorePreferredTermsOfExistingPods": True}),
        ("NodeAffinity", {"addedAffinity": AFFINITY}),
        ("NodeResourcesBalancedAllocation", {"resources": [{"name": "example.com/gpu", "weight": 1}]}),
        ("NodeResourcesFit", {"ignoredResources": ["example.com/gpu"], "ignoredResourceGroups": ["a"]}),
        (
            "NodeResourcesFit",
            {
                "scoringStrategy": {
                    "type": "RequestedToCapacityRatio",
                    "resources": [{"name": "cpu", "weight": 5}, {"name": "memory"}],
                    "requestedToCapacityRatio": {"shape": SHAPE},
                }
            },
        ),
        ("PodTopologySpread", {"defaultConstraints": [SPREAD], "defaultingType": "List"}),
        ("VolumeBinding", {"apiVersion": "kubescheduler.config.k8s.io/v1", "bindTimeoutSeconds": 0}),
    ],
)
def test_sound_arguments_are_accepted_by_both(plugin: str, arguments: Mapping[str, Any]) -> None:
    assert not find_problems_of_inventory(plugin, arguments)
    assert not find_problems_of_scheduler(plugin, arguments)


@pytest.mark.parametrize(
    ("plugin", "arguments", "field"),
    [
        ("DefaultPreemption", {"minCandidateNodesPercentage": 101}, "minCandidateNodesPercentage"),
        ("DefaultPreemption", {"minCandidateNodesAbsolute": -1}, "minCandidateNodesAbsolute"),
        (
            "DefaultPreemption",
            {"minCandidateNodesPercentage": 0, "minCandidateNodesAbsolute": 0},
            "minCandidateNodesPercentage",
        ),
        ("DefaultPreemption", {"kind": "VolumeBindingArgs"}, "kind"),
        ("DefaultPreemption", {"apiVersion": "v1"}, "apiVersion"),
        ("DynamicResources", {"filterTimeout": "5"}, "filterTimeout"),
        ("DynamicResources", {"bindingTimeout": "10ms"}, "bindingTimeout"),
        ("InterPodAffinity", {"hardPodAffinityWeight": -1}, "hardPodAffinityWeight"),
        ("InterPodAffinity", {"ignorePreferredTermsOfExistingPods": "yes"}, "ignorePreferred"),
        ("NodeAffinity", {"addedAffinity": []}, "addedAffinity"),
        (
            "NodeResourcesBalancedAllocation",
            {"resources": [{"name": "cpu", "weight": 2}]},
            "resources[0].weight",
        ),
        ("NodeResourcesBalancedAllocation", {"resources": [{"name": "cpu"}] * 2}, "resources[1].name"),
        ("NodeResourcesFit", {"ignoredResourceGroups": ["a/b"]}, "ignoredResourceGroups[0]"),
        ("NodeResourcesFit", {"scoringStrategy": {"type": "Best"}}, "scoringStrategy.type"),
        (
            "NodeResourcesFit",
            {"scoringStrategy": {"resources": [{"name": "cpu", "weight": 101}]}},
            "scoringStrategy.resources[0].weight",
        ),
        (
            "NodeResourcesFit",
            {"scoringStrategy": {"type": "RequestedToCapacityRatio"}},
            "scoringStrategy.requestedToCapacityRatio.shape",
        ),
        (
            "NodeResourcesFit",
            {
                "scoringStrategy": {
                    "type": "RequestedToCapacityRatio",
                    "requestedToCapacityRatio": {"shape": SHAPE[::-1]},
                }
            },
            "scoringStrategy.requestedToCapacityRatio.shape[1].utilization",
        ),
        ("PodTopologySpread", {"defaultConstraints": [SPREAD]}, "defaultingType"),
        (
            "PodTopologySpread",
            {"defaultConstraints": [SPREAD, SPREAD], "defaultingType": "List"},
            "defaultConstraints[1]",
        ),
        (
            "PodTopologySpread",
            {"defaultConstraints": [SPREAD | {"maxSkew": 0}], "defaultingType": "List"},
            "defaultConstraints[0].maxSkew",
        ),
        (
            "PodTopologySpread",
            {"defaultConstraints": [SPREAD | {"labelSelector": {}}], "defaultingType": "List"},
            "defaultConstraints[0].labelSelector",
        ),
        ("VolumeBinding", {"bindTimeoutSeconds": -1}, "bindTimeoutSeconds"),
        ("VolumeBinding", {"bindTimeoutSeconds": 1.5}, "bindTimeoutSeconds"),
    ],
)
def test_wrong_arguments_are_refused_by_both(plugin: str, arguments: Mapping[str, Any], field: str) -> None:
    (problem,) = find_problems_of_inventory(plugin, arguments)
    assert problem.startswith(f"[0].pluginConfig[0].args.{field}")
    (found,) = find_problems_of_scheduler(plugin, arguments)
    assert found.startswith(f"profiles[0].pluginConfig[0].args.{field}")


def find_problems_of_inventory(plugin: str, arguments: Mapping[str, Any]) -> list[str]:
    try:
        check_profiles([{"pluginConfig": [{"name": plugin, "args": dict(arguments)}]}])
    except ValueError as error:
        return str(error).split(", [")
    return []


def find_problems_of_scheduler(plugin: str, arguments: Mapping[str, Any]) -> list[str]:
    profile = Profile(plugin_config=[PluginConfig(name=plugin, args=dict(arguments))])
    return list(document.find_problems(document.Configuration(profiles=[profile])))


def test_a_sound_extender_is_accepted_as_it_is() -> None:
    extender = {
        "urlPrefix": "https://gpus.example.com/scheduler",
        "prioritizeVerb": "score",
        "weight": 5,
        "httpTimeout": "2s",
        "enableHTTPS": True,
        "tlsConfig": {"insecure": True},
        "managedResources": [{"name": "example.com/gpu", "ignoredByScheduler": True}],
    }
    given = [extender]
    assert check_extenders(given) is given
    assert not list(extenders.find_problems([read(extenders.Extender, extender)], "extenders"))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"urlPrefix": "gpus"}, '[1].urlPrefix: "gpus" is no absolute URL with http or https'),
        ({"prioritizeVerb": "score"}, "[1].weight: must have a positive weight applied to it"),
        ({"httpTimeout": "5"}, '[1].httpTimeout: time: missing unit in duration "5"'),
        ({"bindVerb": "bind"}, "only one extender can implement bind"),
        (
            {"managedResources": [{"name": "cpu"}]},
            '[1].managedResources[0].name: "cpu" is an invalid extended resource name',
        ),
        (
            {"managedResources": [{"name": "example.com/gpu"}]},
            '[1].managedResources[0].name: duplicate value "example.com/gpu"',
        ),
        ({"tlsConfig": {"ca": "a"}}, "[1].tlsConfig: Object contains unknown field `ca`"),
        ({"enableHttps": True}, "[1]: Object contains unknown field `enableHttps`"),
    ],
)
def test_a_mistake_in_an_extender_is_named_with_its_field(fields: dict[str, Any], problem: str) -> None:
    url = {"urlPrefix": "http://localhost:8888"}
    first = url | {"bindVerb": "bind", "managedResources": [{"name": "example.com/gpu"}]}
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the whole text is compared
        check_extenders([first, url | fields])
    assert str(caught.value) == problem


def test_a_sound_profile_is_accepted_as_it_is() -> None:
    profiles: list[dict[str, Any]] = [
        {"schedulerName": "packing", "plugins": {"postFilter": {"disabled": [{"name": "*"}]}}},
        {"plugins": {"score": {"enabled": [{"name": "ImageLocality", "weight": 5}]}}},
    ]
    assert check_profiles(profiles) is profiles


@pytest.mark.parametrize(
    ("profile", "problem"),
    [
        ({"scheduler": "a"}, "[1]: Object contains unknown field `scheduler`"),
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
            "[1].plugins.score.enabled[0].weight: must not be negative",
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
            "[1].pluginConfig[0].args: Object contains unknown field `weight`",
        ),
        (
            {"pluginConfig": [{"name": "VolumeBinding", "args": {"bindTimeoutSeconds": "5"}}]},
            "[1].pluginConfig[0].args.bindTimeoutSeconds: Expected `int`, got `str`",
        ),
        ({"schedulerName": "first"}, '[1].schedulerName: duplicate value "first"'),
        (
            {"plugins": {"filter": {"enabled": [{"name": "GangScheduling"}]}}},
            '[1].plugins.filter.enabled[0].name: plugin "GangScheduling" is not supported',
        ),
    ],
)
def test_a_mistake_in_a_profile_is_named_with_its_field(profile: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        check_profiles([{"schedulerName": "first"}, profile])
