"""Roles, bindings and users for tests of authorization."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from kprov.kube.apiserver.authz.union import Union
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.request import RequestInfo, UserInfo

Put = Callable[..., Awaitable[dict[str, Any]]]
GROUP = "rbac.authorization.k8s.io"
ALICE = UserInfo("alice", ("dev", "system:authenticated"))
GET_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
TO_ALICE = {"kind": "User", "name": "alice"}
TO_DEV = {"kind": "Group", "name": "dev"}


def get_pods(namespace: str = "default") -> RequestInfo:
    return RequestInfo(
        path="", verb="get", is_resource_request=True, resource="pods", namespace=namespace, name="p"
    )


def role(name: str, *rules: dict[str, Any], namespace: str = "", **more: Any) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"metadata": metadata, "rules": list(rules)} | more


def binding(name: str, role: str, *subjects: dict[str, str], namespace: str = "") -> dict[str, Any]:
    kind, _, role_name = role.partition(" ")
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    reference = {"apiGroup": GROUP, "kind": kind, "name": role_name}
    return {"metadata": metadata, "roleRef": reference, "subjects": list(subjects)}


async def decide(union: Union, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
    return await union.authorize(user, info)
