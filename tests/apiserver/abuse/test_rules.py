"""Roles of a few kilobytes with billions of combinations."""

from __future__ import annotations

from typing import Any, Final

from tests.apiserver.conformance.calls import eventually
from tests.apiserver.servers import ApiServer

_GROUP: Final = "/apis/rbac.authorization.k8s.io/v1"
_FIELDS: Final = ("apiGroups", "resources", "verbs", "resourceNames")


def make_role(name: str, values: list[str]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "rules": [dict.fromkeys(_FIELDS, values)]}


def test_the_check_of_escalation_does_not_expand_a_role(server: ApiServer) -> None:
    writer = {
        "metadata": {"name": "role-writer"},
        "rules": [
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["create"]}
        ],
    }
    assert server.post(f"{_GROUP}/clusterroles", writer).status == 201
    binding = {
        "metadata": {"name": "role-writer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "role-writer"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "bob"}],
    }
    assert server.post(f"{_GROUP}/clusterrolebindings", binding).status == 201
    values = [f"v{number}" for number in range(200)]

    def is_refused() -> bool:
        answer = server.post(f"{_GROUP}/clusterroles", make_role("wide", values), token="bob-token")
        assert answer.status == 403
        return "is attempting to grant RBAC permissions not currently held:\n" in answer.json["message"]

    # Before the binding is in the cache, the user may not even create a role.
    eventually(is_refused)
    message = server.post(f"{_GROUP}/clusterroles", make_role("wide", values), token="bob-token").json[
        "message"
    ]
    assert message.endswith("\nand more")
    assert len(message) < 200_000
    # An administrator has all rights, so nothing is listed.
    assert server.post(f"{_GROUP}/clusterroles", make_role("wide", values)).status == 201
