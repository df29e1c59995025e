"""What is refused today stays in an update of an object that has it already."""

from __future__ import annotations

import copy

import pytest

from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find

REGISTRATION = "admissionregistration.k8s.io"
AUTOSCALERS = ("autoscaling", "v2", "horizontalpodautoscalers")
WEBHOOKS = (REGISTRATION, "v1", "validatingwebhookconfigurations")
POLICIES = (REGISTRATION, "v1", "validatingadmissionpolicies")
WRONG = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["no label"]}]}
PODS: JsonObject = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
HOOK = {
    "name": "a.b.example.com",
    "clientConfig": {"url": "https://host/path"},
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
}
RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
POLICY = {"matchConstraints": {"resourceRules": [RULE]}, "validations": [{"expression": "true"}]}
TARGET = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}
EXTERNAL = {
    "type": "External",
    "external": {"metric": {"name": "m"}, "target": {"type": "Value", "value": "1"}},
}
DESCRIBED = {
    "type": "Object",
    "object": {
        "describedObject": {"kind": "K", "name": "n", "apiVersion": "a/b/c"},
        "metric": {"name": "m"},
        "target": {"type": "Value", "value": "1"},
    },
}
SET = {"serviceName": "s", "selector": {"matchLabels": {"a": "b"}}, "template": PODS}
TWICE = PODS | {"spec": {"containers": [{"name": "c", "image": "i"}] * 2}}


def strategy(group: str, version: str, plural: str) -> Strategy:
    resource = find(group, version, plural)
    assert resource is not None
    return find_strategy(resource)


def named(rules: Strategy, body: JsonObject) -> JsonObject:
    obj = {"metadata": {"name": "x", "namespace": "n"}, **copy.deepcopy(body)}
    rules.default(obj)
    return obj


KEPT = [
    pytest.param(WEBHOOKS, {"webhooks": [HOOK, HOOK]}, id="names of webhooks twice"),
    pytest.param(WEBHOOKS, {"webhooks": [HOOK | {"sideEffects": "Some"}]}, id="side effects"),
    pytest.param(WEBHOOKS, {"webhooks": [HOOK | {"admissionReviewVersions": ["v7"]}]}, id="versions"),
    pytest.param(WEBHOOKS, {"webhooks": [HOOK | {"objectSelector": WRONG}]}, id="a webhook's selector"),
    pytest.param(
        WEBHOOKS, {"webhooks": [HOOK | {"matchConditions": [{"name": "a b", "expression": "true"}]}]}
    ),
    pytest.param(POLICIES, {"spec": POLICY | {"matchConditions": [{"name": "a b", "expression": "true"}]}}),
    pytest.param(
        ("", "v1", "endpoints"),
        {"subsets": [{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": 0}]}]},
        id="subsets",
    ),
    pytest.param(
        AUTOSCALERS,
        {"spec": {"scaleTargetRef": TARGET, "minReplicas": 0, "maxReplicas": 2, "metrics": [EXTERNAL]}},
        id="no replicas",
    ),
    pytest.param(
        AUTOSCALERS,
        {"spec": {"scaleTargetRef": TARGET | {"apiVersion": "v1"}, "maxReplicas": 2}},
        id="a target without a group",
    ),
    pytest.param(
        AUTOSCALERS,
        {"spec": {"scaleTargetRef": TARGET, "maxReplicas": 2, "metrics": [DESCRIBED]}},
        id="a metric of an object without a version",
    ),
    pytest.param(("apps", "v1", "statefulsets"), {"spec": SET | {"template": TWICE}}, id="a set's pods"),
    pytest.param(
        ("policy", "v1", "poddisruptionbudgets"),
        {"spec": {"maxUnavailable": 1, "selector": WRONG}},
        id="a budget's selector",
    ),
    pytest.param(
        ("networking.k8s.io", "v1", "networkpolicies"), {"spec": {"podSelector": WRONG}}, id="a policy's"
    ),
    pytest.param(
        ("storage.k8s.io", "v1", "csistoragecapacities"),
        {"nodeTopology": WRONG, "storageClassName": "c"},
        id="a capacity's",
    ),
    pytest.param(
        ("", "v1", "persistentvolumeclaims"),
        {
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
                "selector": WRONG,
            }
        },
        id="a claim's",
    ),
]


NOT_A_LABEL = [{"matchExpressions": [{"key": "k", "operator": "In", "values": ["no label"]}]}]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
NET = {"sysctls": [{"name": "net.ipv4.x", "value": "1"}]}
SPREAD = {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}
PODS_OF_OLD = [
    {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": NOT_A_LABEL}}}},
    {"affinity": {"podAffinity": {REQUIRED: [{"topologyKey": "z", "labelSelector": WRONG}]}}},
    {"topologySpreadConstraints": [SPREAD | {"labelSelector": {"matchLabels": {"a b": "c"}}}]},
    {"hostNetwork": True, "securityContext": NET},
    {"hostNetwork": True, "hostUsers": False},
    {"securityContext": {"seLinuxChangePolicy": "MountOption"}},
]
RUNNERS = [
    ("apps", "v1", "deployments"),
    ("apps", "v1", "daemonsets"),
    ("apps", "v1", "replicasets"),
    ("", "v1", "replicationcontrollers"),
]


@pytest.mark.parametrize("part", PODS_OF_OLD, ids=lambda part: next(iter(part)))
@pytest.mark.parametrize("kind", RUNNERS, ids=lambda kind: kind[2])
def test_templates_of_pods_keep_what_was_wrong(kind: tuple[str, str, str], part: JsonObject) -> None:
    rules = strategy(*kind)
    template = PODS | {"spec": PODS["spec"] | part}
    selector: JsonObject = {"a": "b"} if kind[0] == "" else {"matchLabels": {"a": "b"}}
    body = {"spec": {"selector": selector, "template": template}}
    assert rules.validate(named(rules, body)), "refused when it is new"
    assert not rules.validate_update(named(rules, body), named(rules, body))
    before = {"spec": {"selector": selector, "template": PODS}}
    assert rules.validate_update(named(rules, body), named(rules, before)), "refused when it is added"


def test_a_volume_keeps_the_nodes_that_it_was_for() -> None:
    rules = strategy("", "v1", "persistentvolumes")
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "local": {"path": "/a"}}
    body = {"spec": spec | {"nodeAffinity": {"required": {"nodeSelectorTerms": NOT_A_LABEL}}}}
    assert rules.validate(named(rules, body))
    assert not rules.validate_update(named(rules, body), named(rules, body))


def test_a_deletion_cost_that_is_none_stays() -> None:
    rules = strategy("", "v1", "podtemplates")
    cost = {"controller.kubernetes.io/pod-deletion-cost": "much"}
    body = {"template": PODS | {"metadata": {"annotations": cost}}}
    assert rules.validate(named(rules, body))
    assert not rules.validate_update(named(rules, body), named(rules, body))


@pytest.mark.parametrize(("kind", "body"), KEPT)
def test_what_was_wrong_before_stays(kind: tuple[str, str, str], body: JsonObject) -> None:
    rules = strategy(*kind)
    assert rules.validate(named(rules, body)), "refused when it is new"
    assert not rules.validate_update(named(rules, body), named(rules, body))


def test_a_daemon_sets_selector_keeps_values_but_has_to_match() -> None:
    rules = strategy("apps", "v1", "daemonsets")
    unequal = {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["no label"]}]}
    body = {"spec": {"selector": unequal, "template": PODS}}
    assert [error.field for error in rules.validate(named(rules, body))] == [
        "spec.selector.matchExpressions[0].values[0]"
    ]
    assert not rules.validate_update(named(rules, body), named(rules, body))


def test_a_role_keeps_values_that_no_selector_is_made_of() -> None:
    rules = strategy("rbac.authorization.k8s.io", "v1", "clusterroles")
    body = {"aggregationRule": {"clusterRoleSelectors": [WRONG]}}
    told = rules.validate_update(named(rules, body), named(rules, body))
    assert [error.detail for error in told] == ["Invalid value: null: invalid label selector."]


def test_what_changes_is_judged() -> None:
    rules = strategy(*WEBHOOKS)
    old = named(rules, {"webhooks": [HOOK | {"matchConditions": [{"name": "a b", "expression": "true"}]}]})
    new = named(rules, {"webhooks": [HOOK | {"matchConditions": [{"name": "c d", "expression": "true"}]}]})
    assert [error.field for error in rules.validate_update(new, old)] == [
        "webhooks[0].matchConditions[0].name"
    ]
    good = named(rules, {"webhooks": [HOOK]})
    twice = named(rules, {"webhooks": [HOOK, HOOK | {"sideEffects": "Some"}]})
    assert [error.field for error in rules.validate_update(twice, good)] == [
        "webhooks[1].sideEffects",
        "webhooks[1].name",
    ]


def test_a_field_of_a_feature_that_is_off_stays_where_it_is_used() -> None:
    rules = strategy("apps", "v1", "statefulsets")
    with_field = {"spec": SET | {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}}
    for old, kept in ((with_field, 2), ({"spec": SET}, None)):
        new = named(rules, with_field)
        rules.prepare_for_update(None, new, named(rules, old))  # type: ignore[arg-type]
        assert new["spec"]["updateStrategy"]["rollingUpdate"].get("maxUnavailable") == kept
