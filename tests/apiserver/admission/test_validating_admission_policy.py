"""Admission policies: what they match, see and cause."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.servers import Answer, ApiServer

_GROUP = "/apis/admissionregistration.k8s.io/v1"
_NUMBERS = itertools.count(1)
_CONFIG_MAPS = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
_EVERY = {"operations": ["CREATE", "UPDATE"], **_CONFIG_MAPS}

#: (spec of the policy, spec of the binding) > the namespace in which it is in force.
Enforce = Callable[..., str]


@pytest.fixture
def enforce(server: ApiServer) -> Iterator[Enforce]:
    """Creates a policy for a new namespace, and waits until it is in force."""
    names: list[str] = []

    def create(spec: dict[str, Any], **binding: Any) -> str:
        name = f"policy-{next(_NUMBERS)}"
        labels = {"kubernetes.io/metadata.name": name}
        ok(server, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        match = {"resourceRules": [_EVERY], "namespaceSelector": {"matchLabels": labels}}
        spec = {**spec, "matchConstraints": {**match, **spec.get("matchConstraints", {})}}
        # It shows that the policy is in force.
        spec["validations"] = [
            *spec.get("validations", ()),
            {"expression": "request.name != 'marker'", "message": "seen"},
        ]
        body = {"metadata": {"name": name}, "spec": spec}
        ok(server, "POST", f"{_GROUP}/validatingadmissionpolicies", body)
        bound = {"policyName": name, "validationActions": ["Deny"], **binding}
        ok(
            server,
            "POST",
            f"{_GROUP}/validatingadmissionpolicybindings",
            {"metadata": {"name": name}, "spec": bound},
        )
        names.append(name)
        if "matchConstraints" not in spec or spec["matchConstraints"]["resourceRules"] == [_EVERY]:
            eventually(lambda: _has_effect(create_map(server, name, "marker")))
        return name

    yield create
    for name in names:
        server.ask("DELETE", f"{_GROUP}/validatingadmissionpolicybindings/{name}")
        server.ask("DELETE", f"{_GROUP}/validatingadmissionpolicies/{name}")


def _has_effect(answer: Answer) -> bool:
    return answer.status != 201 or bool(answer.warnings)


def create_map(server: ApiServer, namespace: str, name: str, data: dict[str, str] | None = None) -> Answer:
    """The answer to a dry run."""
    path = f"/api/v1/namespaces/{namespace}/configmaps?dryRun=All"
    return server.post(path, {"metadata": {"name": name}, "data": data or {}})


def test_a_denial_has_upstreams_status(server: ApiServer, enforce: Enforce) -> None:
    name = enforce({
        "validations": [
            {"expression": "object.data.size() < 3", "message": " too large ", "reason": "RequestEntityTooLarge"},
            {"expression": "!('a' in object.data)", "messageExpression": "'found ' + object.data['a']"},
            {"expression": "!('b' in object.data)", "messageExpression": "'' + object.data['x']", "message": "no b"},
            {"expression": "!('c' in object.data)", "reason": "Forbidden"},
        ]
    })  # fmt: skip
    by = f"ValidatingAdmissionPolicy '{name}' with binding '{name}' denied request: "

    def deny(data: dict[str, str]) -> tuple[int, str, str]:
        answer = create_map(server, name, "test", data).json
        assert answer["details"]["causes"] == [{"message": answer["message"].partition("forbidden: ")[2]}]
        assert answer["message"].startswith('configmaps "test" is forbidden: ' + by)
        return answer["code"], answer["reason"], answer["message"].partition(by)[2]

    assert deny({"x": "", "y": "", "z": ""}) == (413, "RequestEntityTooLarge", "too large")
    assert deny({"a": "it"}) == (422, "Invalid", "found it")
    assert deny({"b": ""}) == (422, "Invalid", "no b")
    assert deny({"c": ""}) == (403, "Forbidden", "failed expression: !('c' in object.data)")
    assert create_map(server, name, "test", {"d": ""}).status == 201


def test_an_expression_without_a_value_is_decided_by_the_failure_policy(
    server: ApiServer, enforce: Enforce
) -> None:
    broken = {"expression": "object.data.absent == 'x'"}
    strict = enforce({"validations": [broken]})
    answer = create_map(server, strict, "test", {"a": ""})
    assert answer.status == 422
    assert answer.json["message"].endswith(
        "denied request: expression 'object.data.absent == 'x'' resulted in error: no such key: absent"
    )
    lenient = enforce({"validations": [broken], "failurePolicy": "Ignore"})
    assert create_map(server, lenient, "test", {"a": ""}).status == 201


def test_variables_are_computed_when_an_expression_reads_them(server: ApiServer, enforce: Enforce) -> None:
    name = enforce({
        "variables": [
            {"name": "limit", "expression": "int(object.data['limit'])"},
            {"name": "twice", "expression": "variables.limit * 2"},
        ],
        "validations": [{"expression": "!('limit' in object.data) || variables.twice < 10"}],
    })  # fmt: skip
    assert create_map(server, name, "test", {"a": ""}).status == 201
    assert create_map(server, name, "test", {"limit": "4"}).status == 201
    assert create_map(server, name, "test", {"limit": "5"}).status == 422
    answer = create_map(server, name, "test", {"limit": "x"})
    assert (
        'composited variable "twice" fails to evaluate: composited variable "limit" fails to evaluate: '
        in (answer.json["message"])
    )


def test_a_warning_lets_the_request_pass(server: ApiServer, enforce: Enforce) -> None:
    name = enforce({"validations": [{"expression": "false", "message": "mind"}]}, validationActions=["Warn"])
    answer = create_map(server, name, "test")
    assert answer.status == 201
    (warning,) = answer.warnings
    assert f"Validation failed for ValidatingAdmissionPolicy '{name}' with binding '{name}': mind" in warning


def test_match_conditions_and_excluded_names_leave_requests_out(server: ApiServer, enforce: Enforce) -> None:
    name = enforce({
        "matchConstraints": {
            "excludeResourceRules": [{**_EVERY, "resourceNames": ["free"]}],
            "objectSelector": {"matchExpressions": [{"key": "skip", "operator": "DoesNotExist"}]},
        },
        "matchConditions": [{"name": "not-kept", "expression": "!request.name.startsWith('keep')"}],
        "validations": [{"expression": "false"}],
    })  # fmt: skip
    assert create_map(server, name, "test").status == 422
    assert create_map(server, name, "free").status == 201
    assert create_map(server, name, "keep-1").status == 201
    labeled = {"metadata": {"name": "test", "labels": {"skip": ""}}}
    assert server.post(f"/api/v1/namespaces/{name}/configmaps", labeled).status == 201
    # An update that removes the label matches, because the old or the new object must match.
    path = f"/api/v1/namespaces/{name}/configmaps/test"
    patch = {"metadata": {"labels": None}}
    assert server.ask("PATCH", path, patch, content_type="application/merge-patch+json").status == 422


def test_parameters_come_from_objects(server: ApiServer, enforce: Enforce) -> None:
    spec = {
        "paramKind": {"apiVersion": "v1", "kind": "Secret"},
        "validations": [{"expression": "object.data.size() <= int(params.metadata.labels['limit'])"}],
    }

    def create_parameter(namespace: str, limit: str) -> None:
        body = {"metadata": {"name": f"limit-{limit}", "labels": {"limit": limit, "use": "it"}}}
        ok(server, "POST", f"/api/v1/namespaces/{namespace}/secrets", body)

    selector = {"selector": {"matchLabels": {"use": "it"}}, "parameterNotFoundAction": "Deny"}
    name = enforce(spec, paramRef=selector)
    answer = create_map(server, name, "test")
    text = (
        "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
    )
    assert answer.json["message"].endswith(text), answer.json
    create_parameter(name, "2")
    eventually(lambda: create_map(server, name, "test", {"a": "", "b": ""}).status == 201)
    create_parameter(name, "1")
    eventually(lambda: create_map(server, name, "test", {"a": "", "b": ""}).status == 422)
    assert create_map(server, name, "test", {"a": ""}).status == 201
    ok(server, "DELETE", f"/api/v1/namespaces/{name}/secrets/limit-1")
    ok(server, "DELETE", f"/api/v1/namespaces/{name}/secrets/limit-2")
    path = f"{_GROUP}/validatingadmissionpolicybindings/{name}"
    merge(server, path, {"spec": {"paramRef": {"parameterNotFoundAction": "Allow"}}})
    eventually(lambda: create_map(server, name, "test", {"a": "", "b": ""}).status == 201)


def test_an_unknown_kind_of_parameters_is_a_configuration_error(server: ApiServer, enforce: Enforce) -> None:
    spec = {"paramKind": {"apiVersion": "example.com/v1", "kind": "Limit"}}
    name = enforce(spec, paramRef={"name": "x", "parameterNotFoundAction": "Deny"})
    message = create_map(server, name, "test").json["message"]
    by = f"ValidatingAdmissionPolicy '{name}' denied request: failed to configure policy: "
    assert by + "failed to find resource referenced by paramKind: 'example.com/v1, Kind=Limit'" in message


def test_expressions_see_the_request_and_the_rights_of_its_user(server: ApiServer, enforce: Enforce) -> None:
    name = enforce({
        "validations": [
            {"expression": "request.operation == 'CREATE' && oldObject == null && request.dryRun"},
            {"expression": "request.resource.resource == 'configmaps' && request.kind.kind == 'ConfigMap'"},
            {"expression": "'system:authenticated' in request.userInfo.groups"},
            {"expression": "namespaceObject.metadata.name == request.namespace"},
            {"expression": "authorizer.requestResource.check('create').allowed()"},
            {
                "expression": (
                    "!authorizer.serviceAccount('default', 'default').group('').resource('secrets')"
                    ".namespace('default').check('get').allowed()"
                )
            },
        ]
    })  # fmt: skip
    answer = create_map(server, name, "test", {"a": ""})
    assert answer.status == 201, answer.body


def test_deletions_and_equivalent_versions_match(server: ApiServer, enforce: Enforce) -> None:
    """An autoscaler that is written in v2 is shown in the version of the rule."""
    name = enforce({
        "matchConstraints": {
            "resourceRules": [
                {"operations": ["DELETE"], **_CONFIG_MAPS},
                {
                    "operations": ["CREATE"],
                    "apiGroups": ["autoscaling"],
                    "apiVersions": ["v1"],
                    "resources": ["horizontalpodautoscalers"],
                },
            ]
        },
        "validations": [
            {
                "expression": (
                    "request.operation == 'DELETE' ? oldObject.metadata.name != 'keep' :"
                    " object.spec.targetCPUUtilizationPercentage < 50"
                )
            }
        ],
    })  # fmt: skip
    scaler = {
        "metadata": {"name": "test"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 3,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 60},
                    },
                }
            ],
        },
    }
    path = f"/apis/autoscaling/v2/namespaces/{name}/horizontalpodautoscalers?dryRun=All"
    eventually(lambda: server.post(path, scaler).status == 422)
    scaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] = 40  # type: ignore[index]
    assert server.post(path, scaler).status == 201
    for kept in ("keep", "drop"):
        body = {"metadata": {"name": kept}}
        assert server.post(f"/api/v1/namespaces/{name}/configmaps", body).status == 201
    maps = f"/api/v1/namespaces/{name}/configmaps"
    assert server.ask("DELETE", f"{maps}/drop").status == 200
    assert server.ask("DELETE", f"{maps}/keep").status == 422


def test_expressions_that_do_not_compile_are_rejected_by_field(server: ApiServer) -> None:
    spec = {
        "matchConstraints": {"resourceRules": [_EVERY]},
        "matchConditions": [{"name": "a", "expression": "1"}],
        "variables": [{"name": "x", "expression": "object.("}],
        "validations": [
            {"expression": "variables.y == 1", "messageExpression": "authorizer.path('/').check('get').reason()"}
        ],
        "auditAnnotations": [{"key": "k", "valueExpression": "1"}],
    }  # fmt: skip
    body = {"metadata": {"name": "wrong.example.com"}, "spec": spec}
    answer = server.post(f"{_GROUP}/validatingadmissionpolicies", body)
    assert answer.status == 422
    found = {cause["field"]: cause["message"] for cause in answer.json["details"]["causes"]}
    assert found["spec.matchConditions[0].expression"] == (
        'Invalid value: "1": must evaluate to bool but got int'
    )
    assert "compilation failed: ERROR: <input>:1:" in found["spec.variables[0].expression"]
    assert "undefined field 'y'" in found["spec.validations[0].expression"]
    assert "undeclared reference to 'authorizer" in found["spec.validations[0].messageExpression"]
    assert found["spec.auditAnnotations[0].valueExpression"].endswith(
        "must evaluate to one of [string null_type] but got int"
    )


def test_checks_are_counted(server: ApiServer, enforce: Enforce) -> None:
    name = enforce({"validations": [{"expression": "false"}]})
    create_map(server, name, "test")
    labels = f'enforcement_action="deny",error_type="invalid_error",policy="{name}",policy_binding="{name}"'
    assert (
        f"apiserver_validating_admission_policy_check_total{{{labels}}}"
        in server.get("/metrics").body.decode()
    )
