"""Does a rule allow a request."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.authz.rules import allows
from kprov.kube.apiserver.request import RequestInfo


def resource(verb: str, plural: str, *, group: str = "", sub: str = "", name: str = "") -> RequestInfo:
    return RequestInfo(
        path="", verb=verb, is_resource_request=True, api_group=group, resource=plural, subresource=sub,
        name=name,
    )  # fmt: skip


def path(verb: str, text: str) -> RequestInfo:
    return RequestInfo(path=text, verb=verb, is_resource_request=False)


def rule(groups: list[str], resources: list[str], verbs: list[str], *names: str) -> dict[str, Any]:
    made: dict[str, Any] = {"apiGroups": groups, "resources": resources, "verbs": verbs}
    return made | ({"resourceNames": list(names)} if names else {})


@pytest.mark.parametrize(
    ("given", "asked", "answer"),
    [
        (rule([""], ["pods"], ["get"]), resource("get", "pods"), True),
        (rule([""], ["pods"], ["get"]), resource("list", "pods"), False),
        (rule([""], ["pods"], ["get"]), resource("get", "pods", group="apps"), False),
        (rule([""], ["pods"], ["get"]), resource("get", "pods", sub="log"), False),
        (rule([""], ["pods/log"], ["get"]), resource("get", "pods", sub="log"), True),
        (rule([""], ["pods/*"], ["get"]), resource("get", "pods", sub="log"), False),
        (rule(["*"], ["*/scale"], ["*"]), resource("patch", "deployments", group="apps", sub="scale"), True),
        (rule(["*"], ["*"], ["*"]), resource("delete", "nodes", sub="proxy"), True),
        (rule([""], ["secrets"], ["get"], "a"), resource("get", "secrets", name="a"), True),
        (rule([""], ["secrets"], ["get"], "a"), resource("get", "secrets", name="b"), False),
        (rule([""], ["secrets"], ["list"], "a"), resource("list", "secrets"), False),
        (rule(["*"], ["*"], ["*"]), path("get", "/metrics"), False),
        ({"nonResourceURLs": ["/api/*"], "verbs": ["get"]}, path("get", "/api/v1"), True),
        ({"nonResourceURLs": ["/api/*"], "verbs": ["get"]}, path("get", "/api"), False),
        ({"nonResourceURLs": ["*"], "verbs": ["*"]}, path("put", "/x"), True),
    ],
)
def test_a_rule_allows(given: dict[str, Any], asked: RequestInfo, answer: bool) -> None:
    assert allows(given, asked) is answer
