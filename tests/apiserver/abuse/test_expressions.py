"""Admission policies whose expressions would take seconds for a hostile object."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.apiserver.conformance.calls import eventually
from tests.apiserver.servers import ApiServer

_POLICIES: Final = "/apis/admissionregistration.k8s.io/v1"
_MAPS: Final = "/api/v1/namespaces/default/configmaps"


def make_policy(server: ApiServer, name: str, expression: str) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    policy = {
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "resourceRules": [rule],
                "objectSelector": {"matchLabels": {"policy": name}},
            },
            "validations": [{"expression": expression}],
        },
    }
    binding = {"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}}
    assert server.post(f"{_POLICIES}/validatingadmissionpolicies", policy).status == 201
    assert server.post(f"{_POLICIES}/validatingadmissionpolicybindings", binding).status == 201


@pytest.mark.parametrize(
    ("name", "expression", "data", "reason"),
    [
        (
            "lists",
            "object.data.map(k, object.data[k]).size() < 100000",
            {f"k{number}": "v" for number in range(6_000)},
            "operation cancelled: actual cost limit exceeded",
        ),
        (
            "strings",
            "object.data.a.replace('x', object.data.a).size() < 1000000000",
            {"a": "x" * 500_000},
            "operation cancelled: actual cost limit exceeded",
        ),
        ("patterns", "object.data.a.find('(a+)+$') != ''", {"a": "a" * 40 + "b"}, "failed expression"),
    ],
)
def test_an_expression_ends_soon_for_any_object(
    server: ApiServer, name: str, expression: str, data: dict[str, str], reason: str
) -> None:
    make_policy(server, name, expression)

    def ask(content: dict[str, str]) -> Any:
        body = {"metadata": {"generateName": "x", "labels": {"policy": name}}, "data": content}
        return server.post(_MAPS, body)

    eventually(lambda: ask(data).status == 422)
    assert reason in ask(data).json["message"]
