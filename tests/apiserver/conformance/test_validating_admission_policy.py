"""Policies that reject deployments by expressions. The status controller's part is in admission/."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.servers import ApiServer

_GROUP = "/apis/admissionregistration.k8s.io/v1"


@contextmanager
def enforcing(
    server: ApiServer,
    namespace: str,
    validations: Sequence[JsonObject],
    variables: Sequence[JsonObject] = (),
) -> Iterator[None]:
    """A policy for the deployments of one namespace, once it is in force; later deleted."""
    name = f"{namespace}.policy.example.com"
    merge(server, f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {namespace: "true"}}})
    selected = {"namespaceSelector": {"matchLabels": {namespace: "true"}}}
    rule = {
        "operations": ["CREATE"],
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "resources": ["deployments"],
    }
    spec = {
        "matchConstraints": {"resourceRules": [rule], **selected},
        "validations": list(validations),
        "variables": list(variables),
    }
    ok(server, "POST", f"{_GROUP}/validatingadmissionpolicies", {"metadata": {"name": name}, "spec": spec})
    bound = {"policyName": name, "validationActions": ["Deny"], "matchResources": selected}
    path = f"{_GROUP}/validatingadmissionpolicybindings"
    ok(server, "POST", path, {"metadata": {"name": name}, "spec": bound})
    eventually(lambda: create(server, namespace, "deployments", 1) == 422)
    yield
    ok(server, "DELETE", f"{path}/{name}")
    ok(server, "DELETE", f"{_GROUP}/validatingadmissionpolicies/{name}")


def create(server: ApiServer, namespace: str, plural: str, replicas: int) -> int:
    """The status of the creation; what was created is deleted again."""
    labels = {"test": "policy"}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "sample", "image": "registry.k8s.io/pause:3.10"}]},
        },
    }
    path = f"/apis/apps/v1/namespaces/{namespace}/{plural}"
    answer = server.post(path, {"metadata": {"name": "marker"}, "spec": spec})
    if answer.status == 201:
        ok(server, "DELETE", f"{path}/marker")
    return answer.status


@pytest.mark.entry("ValidatingAdmissionPolicy should validate against a Deployment")
def test_should_validate_against_a_deployment(server: ApiServer, namespace: str) -> None:
    validations = [
        {
            "expression": "object.spec.replicas > 1",
            "messageExpression": "'wants replicas > 1, got ' + object.spec.replicas",
        },
        {
            "expression": f"namespaceObject.metadata.name == '{namespace}'",
            "message": "Internal error! Other namespace should not be allowed.",
        },
    ]
    with enforcing(server, namespace, validations):
        assert create(server, namespace, "deployments", 2) == 201
        assert create(server, namespace, "replicasets", 1) == 201


@pytest.mark.entry("ValidatingAdmissionPolicy should allow expressions to refer variables.")
def test_should_allow_expressions_to_refer_variables(server: ApiServer, namespace: str) -> None:
    validations = [{"expression": "variables.replicas > 1"}, {"expression": "variables.oddReplicas"}]
    variables = [
        {"name": "replicas", "expression": "object.spec.replicas"},
        {"name": "oddReplicas", "expression": "variables.replicas % 2 == 1"},
    ]
    with enforcing(server, namespace, validations, variables):
        assert create(server, namespace, "deployments", 3) == 201
        assert create(server, namespace, "deployments", 4) == 422
        assert create(server, namespace, "replicasets", 1) == 201


def test_should_type_check_validation_expressions(governed: ApiServer) -> None:
    """Upstream has this test outside of the list of conformance."""
    rule = {
        "operations": ["CREATE"],
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "resources": ["deployments"],
    }
    path = f"{_GROUP}/validatingadmissionpolicies"

    def check_types(name: str, validation: JsonObject) -> JsonObject:
        spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [validation]}
        ok(governed, "POST", path, {"metadata": {"name": name}, "spec": spec})
        checked = eventually(lambda: _find_status(governed, f"{path}/{name}"))
        ok(governed, "DELETE", f"{path}/{name}")
        found: JsonObject = checked
        return found

    correct = check_types("correct-policy.example.com", {"expression": "object.spec.replicas > 1"})
    assert correct == {"observedGeneration": 1, "typeChecking": {}}
    confused = check_types(
        "confused-policy.example.com",
        {
            "expression": "object.spec.replicas > '1'",
            "messageExpression": "'wants replicas > 1, got ' + object.spec.replicas",
        },
    )
    first, second = confused["typeChecking"]["expressionWarnings"]
    assert first["fieldRef"] == "spec.validations[0].expression"
    assert "found no matching overload for '_>_' applied to '(int, string)'" in first["warning"]
    assert first["warning"].startswith("apps/v1, Kind=Deployment: ERROR: <input>:1:22: ")
    assert second["fieldRef"] == "spec.validations[0].messageExpression"
    assert "found no matching overload for '_+_' applied to '(string, int)'" in second["warning"]


def _find_status(server: ApiServer, path: str) -> JsonObject | None:
    """The status with its type check; None if there is none yet."""
    status: JsonObject = ok(server, "GET", path).get("status") or {}
    return status if "typeChecking" in status else None
