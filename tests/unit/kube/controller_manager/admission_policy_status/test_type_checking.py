"""Which kinds a policy is checked against, and the warnings."""

from __future__ import annotations

from typing import Any

import msgspec

from kprov.kube.api.admission_registration import ValidatingAdmissionPolicySpec
from kprov.kube.controller_manager.admission_policy_status.type_checking import find_warnings, list_kinds


def a_rule(groups: list[str], resources: list[str], versions: tuple[str, ...] = ("v1",)) -> dict[str, Any]:
    return {"apiGroups": groups, "apiVersions": list(versions), "resources": resources}


def a_spec(
    rules: list[dict[str, Any]], *validations: dict[str, str], **more: Any
) -> ValidatingAdmissionPolicySpec:
    source = {"matchConstraints": {"resourceRules": rules}, "validations": list(validations), **more}
    return msgspec.convert(source, ValidatingAdmissionPolicySpec)


def test_rules_with_wildcards_and_subresources_name_no_kinds() -> None:
    rules = [
        a_rule(["apps"], ["*", "deployments/scale", "daemonsets"]),
        a_rule(["*"], ["pods"]),
        a_rule([""], ["pods"], ("*",)),
        a_rule(["", "apps"], ["pods", "replicasets", "absent"]),
    ]
    assert list_kinds(a_spec(rules)) == [
        ("", "v1", "Pod"),
        ("apps", "v1", "DaemonSet"),
        ("apps", "v1", "ReplicaSet"),
    ]


def test_at_most_ten_kinds_of_a_rule_are_checked() -> None:
    plurals = ["pods", "services", "secrets", "configmaps", "endpoints", "events", "nodes", "namespaces"]
    more = ["limitranges", "resourcequotas", "serviceaccounts", "podtemplates"]
    assert len(list_kinds(a_spec([a_rule([""], plurals + more)]))) == 10


def test_each_kind_with_a_problem_is_in_the_warning() -> None:
    spec = a_spec(
        [a_rule(["apps"], ["deployments", "statefulsets"])],
        {"expression": "object.spec.replicas > 1"},
        {"expression": "object.spec.serviceName == 'web'", "messageExpression": "'got ' + variables.count"},
        variables=[{"name": "count", "expression": "object.spec.replicas"}],
    )
    first, second = find_warnings(spec)
    assert first.field == "spec.validations[1].expression"
    assert first.text == (
        "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'serviceName'\n"
        " | object.spec.serviceName == 'web'\n | ...........^\n"
    )
    assert second.field == "spec.validations[1].messageExpression"
    assert "found no matching overload for '_+_' applied to '(string, int)'" in second.text
    assert "apps/v1, Kind=StatefulSet: " in second.text


def test_parameters_have_the_type_of_their_kind() -> None:
    spec = a_spec(
        [a_rule(["apps"], ["deployments"])],
        {"expression": "params.data.limit == 1"},
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
    )
    (warning,) = find_warnings(spec)
    assert "applied to '(string, int)'" in warning.text
    unknown = a_spec(
        [a_rule(["apps"], ["deployments"])],
        {"expression": "params.limit == 1"},
        paramKind={"apiVersion": "example.com/v1", "kind": "Limit"},
    )
    assert find_warnings(unknown) == []


def test_a_policy_for_every_resource_has_no_warnings() -> None:
    assert find_warnings(a_spec([a_rule(["*"], ["*"])], {"expression": "object.nothing > 1"})) == []
