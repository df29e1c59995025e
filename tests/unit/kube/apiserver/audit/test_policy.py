"""A policy's rules: which request is recorded how; what is no policy."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.audit.policy import Level, Policy, validate
from kprov.kube.apiserver.request import RequestInfo, UserInfo

ALICE = UserInfo("alice", ("dev", "system:authenticated"))


def resource(verb: str = "get", plural: str = "pods", **more: str) -> RequestInfo:
    given: dict[str, Any] = {"namespace": "default", "name": "p", **more}
    return RequestInfo(path="", verb=verb, is_resource_request=True, resource=plural, **given)


def path(text: str) -> RequestInfo:
    return RequestInfo(path=text, verb="get", is_resource_request=False)


def level(rule: dict[str, Any], info: RequestInfo, user: UserInfo | None = ALICE) -> Level:
    return Policy({"rules": [{"level": "Request", **rule}]}).find_rule(user, info).level


def pods(*names: str, **more: Any) -> dict[str, Any]:
    return {"resources": [{"group": "", "resources": list(names), **more}]}


@pytest.mark.parametrize(
    ("rule", "info", "matches"),
    [
        ({}, resource(), True),
        ({}, path("/x"), True),
        ({"users": ["alice"]}, resource(), True),
        ({"users": ["bob"]}, resource(), False),
        ({"userGroups": ["ops", "dev"]}, resource(), True),
        ({"userGroups": ["ops"]}, resource(), False),
        ({"verbs": ["list"]}, resource(), False),
        ({"namespaces": ["default"]}, resource(), True),
        ({"namespaces": [""]}, resource(), False),
        ({"namespaces": [""]}, resource(plural="nodes", namespace=""), True),
        ({"namespaces": ["default"]}, path("/x"), False),
        (pods("pods"), resource(), True),
        (pods("pods"), resource(subresource="log"), False),
        (pods("pods/log"), resource(subresource="log"), True),
        (pods("pods/*"), resource(subresource="exec"), True),
        (pods("pods/*"), resource(), True),
        (pods("*/exec"), resource(subresource="exec"), True),
        (pods("*"), resource(subresource="exec"), True),
        (pods("pods", resourceNames=["q"]), resource(), False),
        (pods("pods", resourceNames=["p"]), resource(), True),
        ({"resources": [{"group": ""}]}, resource(), True),
        ({"resources": [{"group": "apps"}]}, resource(), False),
        ({"resources": [{"group": "*"}]}, resource(api_group="apps"), True),
        ({"nonResourceURLs": ["/healthz*"]}, path("/healthz/etcd"), True),
        ({"nonResourceURLs": ["/healthz"]}, path("/healthz/etcd"), False),
        ({"nonResourceURLs": ["*"]}, path("/x"), True),
        ({"nonResourceURLs": ["*"]}, resource(), False),
    ],
)
def test_a_rule_matches_by_all_that_it_names(rule: dict[str, Any], info: RequestInfo, matches: bool) -> None:
    assert (level(rule, info) is Level.REQUEST) is matches


def test_wrong_credentials_match_no_users() -> None:
    assert level({"users": ["alice"]}, resource(), None) is Level.NONE
    assert level({"userGroups": ["dev"]}, resource(), None) is Level.NONE
    assert level({}, resource(), None) is Level.REQUEST


def test_the_first_rule_decides_and_adds_to_what_the_policy_omits() -> None:
    policy = Policy(
        {
            "omitStages": ["RequestReceived"],
            "omitManagedFields": True,
            "rules": [
                {"level": "None", "verbs": ["watch"]},
                {"level": "Metadata", "omitStages": ["Panic"], "omitManagedFields": False},
                {"level": "Request"},
            ],
        }
    )
    assert policy.find_rule(ALICE, resource("watch")).level is Level.NONE
    found = policy.find_rule(ALICE, resource())
    assert found.level is Level.METADATA
    assert found.omitted == {"RequestReceived", "Panic"}
    assert not found.omit_managed_fields


@pytest.mark.parametrize(
    ("document", "at"),
    [
        ({"rules": []}, "rules"),
        ({"rules": [{}]}, "rules[0].level"),
        ({"rules": [{"level": "All"}]}, "rules[0].level"),
        ({"rules": [{"level": "None", "nonResourceURLs": ["x"]}]}, "rules[0].nonResourceURLs[0]"),
        ({"rules": [{"level": "None", "nonResourceURLs": ["/a*b"]}]}, "rules[0].nonResourceURLs[0]"),
        (
            {"rules": [{"level": "None", "nonResourceURLs": ["/a"], "namespaces": ["b"]}]},
            "rules[0].nonResourceURLs",
        ),
        ({"rules": [{"level": "None", "resources": [{"group": "a/v1"}]}]}, "rules[0].resources.group"),
        (
            {"rules": [{"level": "None", "resources": [{"resourceNames": ["a"]}]}]},
            "rules[0].resources.resourceNames",
        ),
        ({"rules": [{"level": "None", "omitStages": ["Never"]}]}, "rules[0].omitStages[0]"),
    ],
)
def test_errors_name_the_invalid_field(document: dict[str, Any], at: str) -> None:
    assert [error.field for error in validate(document)] == [at]
