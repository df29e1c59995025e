"""Which controllers run, and what the smaller ones compute."""

import pytest

from kprov.kube.api.core import Namespace
from kprov.kube.api.meta import LabelSelector
from kprov.kube.api.rbac import AggregationRule, ClusterRole, PolicyRule
from kprov.kube.apiserver.authz.bootstrap_policy import load_policy
from kprov.kube.controller_manager import options, registry
from kprov.kube.controller_manager.cluster_role_aggregation import aggregate_rules
from kprov.kube.controller_manager.namespace import _Leftover, _make_conditions


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (["*"], True),
        (["*", "-ttl"], False),
        (["*", "-ttl-controller"], False),
        (["ttl"], True),
        (["gc"], False),
    ],
)
def test_controllers_are_chosen_by_name_alias_and_star(selection: list[str], expected: bool) -> None:
    assert registry.is_enabled("ttl-controller", selection) is expected


def test_some_controllers_are_off_until_they_are_named() -> None:
    assert not registry.is_enabled("token-cleaner-controller", ["*"])
    assert registry.is_enabled("token-cleaner-controller", ["*", "tokencleaner"])


def test_unknown_names_are_found() -> None:
    assert registry.find_unknown(["*", "-ttl", "foo"]) == ["foo"]


def test_a_controller_that_is_not_written_can_only_be_turned_off() -> None:
    assert registry.find_unknown(["*", "-horizontalpodautoscaling"]) == []
    assert registry.find_unknown(["horizontalpodautoscaling"]) == ["horizontalpodautoscaling"]


def test_every_controller_can_be_loaded() -> None:
    for name in registry.CONTROLLERS:
        assert registry.load_controller(name).name


def test_controllers_without_their_options_do_not_start() -> None:
    bare = options.parse([])
    assert not registry.has_required_options("node-ipam-controller", bare)
    full = options.parse(["--allocate-node-cidrs", "--cluster-cidr=10.0.0.0/16"])
    assert registry.has_required_options("node-ipam-controller", full)


def test_aggregated_roles_take_each_rule_once() -> None:
    def role(name: str, label: str, verb: str) -> ClusterRole:
        made = ClusterRole(rules=[PolicyRule(verbs=[verb])])
        made.metadata.name, made.metadata.labels = name, {"to": label}
        return made

    target = ClusterRole(
        aggregation_rule=AggregationRule(cluster_role_selectors=[LabelSelector(match_labels={"to": "admin"})])
    )
    target.metadata.name = "admin"
    roles = [
        role("z", "admin", "get"),
        role("a", "admin", "list"),
        role("b", "admin", "get"),
        role("c", "x", "n"),
    ]
    assert [rule.verbs for rule in aggregate_rules(target, [*roles, target])] == [["list"], ["get"]]


def test_a_stuck_namespace_says_what_remains() -> None:
    left = _Leftover(counts={"pods.": 2}, finalizers={"x/y": 1})
    found = {entry["type"]: entry for entry in _make_conditions(Namespace(), left, [], "now")}
    assert found["NamespaceContentRemaining"]["status"] == "True"
    assert found["NamespaceContentRemaining"]["message"] == (
        "Some resources are remaining: pods. has 2 resource instances"
    )
    assert found["NamespaceDeletionDiscoveryFailure"]["status"] == "False"


def test_every_controller_has_the_account_of_a_bootstrap_role() -> None:
    assert {*registry.ACCOUNTS, *registry.ROOT_CLIENTS} == {*registry.CONTROLLERS}
    bound = {
        subject["name"]
        for _, _, obj in load_policy()
        if obj["kind"].endswith("Binding") and obj["metadata"]["name"].startswith("system:controller:")
        for subject in obj["subjects"]
    }
    assert {*registry.ACCOUNTS.values()} <= bound


def test_no_controller_is_written_and_missing() -> None:
    assert registry.MISSING.isdisjoint({*registry.CONTROLLERS, *registry.ALIASES})
