"""Which requests rules and selectors match."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.admission.validating_admission_policy.match_resources import (
    MatchError,
    MatchResources,
    find_namespace_labels,
)
from kprov.kube.apiserver.interfaces import Attributes
from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.machinery import resources


def a_rule(**more: Any) -> dict[str, Any]:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}
    return {**rule, **more}


def a_match(*rules: dict[str, Any], **more: Any) -> MatchResources:
    return MatchResources({
        "resourceRules": list(rules), "namespaceSelector": {}, "objectSelector": {}, **more
    })  # fmt: skip


def a_request(key: tuple[str, str, str] = ("apps", "v1", "deployments"), **more: Any) -> Attributes:
    resource = resources.find(*key)
    assert resource is not None
    info = RequestInfo(path="", verb="create", is_resource_request=True)
    known = {
        "context": RequestContext(user=UserInfo("jane"), info=info), "operation": "CREATE",
        "resource": resource, "subresource": "", "namespace": "default" if resource.namespaced else "",
        "name": "web", "obj": {"metadata": {"name": "web"}}, "old": None, "options": {},
    }  # fmt: skip
    return Attributes(**{**known, **more})


@pytest.mark.parametrize(
    ("rule", "changes", "is_match"),
    [
        (a_rule(), {}, True),
        (a_rule(operations=["UPDATE"]), {}, False),
        (a_rule(operations=["UPDATE"]), {"operation": "UPDATE"}, True),
        (a_rule(apiGroups=["*"], apiVersions=["*"], resources=["*"]), {}, True),
        (a_rule(apiGroups=[""]), {}, False),
        (a_rule(), {"subresource": "status"}, False),
        (a_rule(resources=["deployments/*"]), {"subresource": "status"}, True),
        (a_rule(resources=["*/scale"]), {"subresource": "scale"}, True),
        (a_rule(resources=["*/scale"]), {"subresource": "status"}, False),
        (a_rule(resourceNames=["web"]), {}, True),
        (a_rule(resourceNames=["api"]), {}, False),
        (a_rule(scope="Namespaced"), {}, True),
        (a_rule(scope="Cluster"), {}, False),
    ],
)
def test_a_rule_names_operations_resources_and_objects(
    rule: dict[str, Any], changes: dict[str, Any], is_match: bool
) -> None:
    found = a_match(rule).find_resource(a_request(**changes), {})
    assert (found is not None) is is_match


def test_a_namespace_is_cluster_scoped() -> None:
    request = a_request(("", "v1", "namespaces"), namespace="web")
    rule = a_rule(apiGroups=[""], resources=["namespaces"])
    assert a_match({**rule, "scope": "Cluster"}).find_resource(request, {}) is not None
    assert a_match({**rule, "scope": "Namespaced"}).find_resource(request, {}) is None


def test_without_rules_every_resource_matches_and_excluded_ones_do_not() -> None:
    assert MatchResources(None).find_resource(a_request(), {}) is not None
    assert a_match(excludeResourceRules=[a_rule()]).find_resource(a_request(), {}) is None
    assert a_match(a_rule(), excludeResourceRules=[a_rule()]).find_resource(a_request(), {}) is None


def test_another_version_matches_unless_the_policy_is_exact() -> None:
    rule = a_rule(apiGroups=["autoscaling"], resources=["horizontalpodautoscalers"])
    request = a_request(("autoscaling", "v2", "horizontalpodautoscalers"))
    found = a_match(rule).find_resource(request, {})
    assert found is not None
    assert found.version == "v1"
    assert a_match(rule).may_match(request.resource)
    assert a_match(rule, matchPolicy="Exact").find_resource(request, {}) is None


def test_a_namespace_selector_reads_the_namespace_of_the_request() -> None:
    match = a_match(a_rule(), namespaceSelector={"matchLabels": {"env": "prod"}})
    assert match.find_resource(a_request(), {"env": "prod"}) is not None
    assert match.find_resource(a_request(), {"env": "test"}) is None
    with pytest.raises(MatchError, match='namespaces "default" not found'):
        match.find_resource(a_request(), None)
    # Cluster-scoped objects are always selected.
    nodes = a_match(
        a_rule(apiGroups=[""], resources=["nodes"]), namespaceSelector={"matchLabels": {"env": "prod"}}
    )
    assert nodes.find_resource(a_request(("", "v1", "nodes")), None) is not None


def test_the_labels_of_a_namespace_are_those_that_are_written() -> None:
    written = {"metadata": {"labels": {"env": "new"}}}
    stored = {"metadata": {"labels": {"env": "old"}}}
    key = ("", "v1", "namespaces")
    update = a_request(key, operation="UPDATE", obj=written, old=stored)
    assert find_namespace_labels(update, None) == {"env": "new"}
    deletion = a_request(key, operation="DELETE", obj=None, old=stored)
    assert find_namespace_labels(deletion, None) == {"env": "old"}
    assert find_namespace_labels(a_request(), stored) == {"env": "old"}
    assert find_namespace_labels(a_request(), None) is None


def test_an_object_selector_reads_the_old_object_too() -> None:
    match = a_match(a_rule(), objectSelector={"matchLabels": {"app": "web"}})
    labeled = {"metadata": {"labels": {"app": "web"}}}
    assert match.find_resource(a_request(obj=labeled), {}) is not None
    assert match.find_resource(a_request(operation="UPDATE", old=labeled), {}) is not None
    assert match.find_resource(a_request(), {}) is None
