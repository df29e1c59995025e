"""Arguments of plugins and extenders in an inventory: the provisioner's rules are those of the scheduler."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from kprov.inventory.cluster import scheduler_arguments, scheduler_extenders
from kprov.inventory.cluster.scheduler_arguments import find_argument_problems
from kprov.inventory.cluster.scheduler_extenders import check_extenders
from kprov.kube.scheduler.configuration import document, extenders
from kprov.kube.scheduler.configuration.arguments import ARGUMENTS
from kprov.kube.scheduler.configuration.document import PluginConfig, Profile

AFFINITY = {
    "requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "team", "operator": "In", "values": ["red"]}]}]
    }
}
SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
SHAPE = [{"utilization": 0, "score": 0}, {"utilization": 100, "score": 10}]


def strip_containers(annotation: Any) -> Any:
    """The class within list[...], Annotated[...] and `| None`."""
    while True:
        parts = [each for each in typing.get_args(annotation) if each is not types.NoneType]
        if not parts or typing.get_origin(annotation) is typing.Literal:
            return annotation
        annotation = parts[0]


def list_fields(model: type[BaseModel]) -> dict[str, Any]:
    return {str(field.alias): strip_containers(field.annotation) for field in model.model_fields.values()}


def compare_fields(model: type[BaseModel], struct: type[msgspec.Struct], unused: frozenset[str]) -> None:
    known = list_fields(model)
    hints = typing.get_type_hints(struct)
    wanted = {
        wire: strip_containers(hints[name])
        for name, wire in zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True)
    }
    assert known.keys() == wanted.keys() - unused, model
    for name, part in known.items():
        if isinstance(part, type) and issubclass(part, BaseModel):
            compare_fields(part, wanted[name], unused)


@pytest.mark.parametrize("plugin", ARGUMENTS)
def test_the_provisioner_knows_the_fields_of_arguments(plugin: str) -> None:
    # A default constraint must not have a selector: it is deduced for each pod.
    compare_fields(scheduler_arguments.ARGUMENTS[plugin], ARGUMENTS[plugin], frozenset({"labelSelector"}))


def test_the_provisioner_knows_all_plugins_with_arguments() -> None:
    assert scheduler_arguments.ARGUMENTS.keys() == ARGUMENTS.keys()


def test_the_provisioner_knows_the_fields_of_extenders() -> None:
    compare_fields(scheduler_extenders.Extender, extenders.Extender, frozenset())


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
    assert not list(find_argument_problems(plugin, arguments))
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
    (problem,) = find_argument_problems(plugin, arguments)
    assert problem.startswith(field)
    (found,) = find_problems_of_scheduler(plugin, arguments)
    assert found.startswith(f"profiles[0].pluginConfig[0].args.{field}")


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
    assert not list(extenders.find_problems([msgspec.convert(extender, extenders.Extender)]))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"urlPrefix": "gpus"}, '[1].urlPrefix: "gpus" is no absolute URL with http or https'),
        ({"prioritizeVerb": "score"}, "[1].weight: must be 1 or more for prioritizeVerb"),
        ({"httpTimeout": "5"}, "[1].httpTimeout: must be a time with its unit, such as 500ms, 90s or 1m30s"),
        ({"bindVerb": "bind"}, "[1].bindVerb: only one extender can implement bind"),
        (
            {"managedResources": [{"name": "cpu"}]},
            '[1].managedResources[0].name: "cpu" is an invalid extended resource name',
        ),
        (
            {"managedResources": [{"name": "example.com/gpu"}]},
            '[1].managedResources[0].name: duplicate value "example.com/gpu"',
        ),
        ({"tlsConfig": {"ca": "a"}}, "[1].tlsConfig.ca: Extra inputs are not permitted"),
        ({"enableHttps": True}, "[1].enableHttps: Extra inputs are not permitted"),
    ],
)
def test_a_mistake_in_an_extender_is_named_with_its_field(fields: dict[str, Any], problem: str) -> None:
    url = {"urlPrefix": "http://localhost:8888"}
    first = url | {"bindVerb": "bind", "managedResources": [{"name": "example.com/gpu"}]}
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the whole text is compared
        check_extenders([first, url | fields])
    assert str(caught.value) == problem
