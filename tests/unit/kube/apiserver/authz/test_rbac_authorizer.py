"""RBAC follows roles and bindings; nobody grants more than they have."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kprov.kube.apiserver import authz
from kprov.kube.apiserver.authz.escalation import EscalationCheck
from kprov.kube.apiserver.authz.union import Union
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.machinery.status import StatusError

Put = Callable[..., Awaitable[dict[str, Any]]]
GROUP = "rbac.authorization.k8s.io"
ALICE = UserInfo("alice", ("dev", "system:authenticated"))
GET_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}


@pytest.fixture
def union(registry: Registry) -> Union:
    return authz.build(Namespace(authorization_mode=["Node", "RBAC"]), registry)


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


TO_ALICE = {"kind": "User", "name": "alice"}
TO_DEV = {"kind": "Group", "name": "dev"}


async def decide(union: Union, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
    return await union.authorize(user, info)


async def test_a_role_counts_in_its_namespace_only(union: Union, put: Put) -> None:
    await put(GROUP, "clusterroles", role("reader", GET_PODS))
    await put(GROUP, "rolebindings", binding("b", "ClusterRole reader", TO_ALICE, namespace="default"))
    assert (await decide(union, ALICE, get_pods()))[0] is Decision.ALLOW
    assert (await decide(union, ALICE, get_pods("other")))[0] is Decision.NO_OPINION


async def test_a_new_binding_counts_at_once_and_says_its_name(union: Union, put: Put) -> None:
    await put(GROUP, "clusterroles", role("reader", GET_PODS))
    assert (await decide(union, ALICE, get_pods()))[0] is Decision.NO_OPINION
    await put(GROUP, "clusterrolebindings", binding("b", "ClusterRole reader", TO_DEV))
    decision, reason = await decide(union, ALICE, get_pods("any"))
    assert decision is Decision.ALLOW
    assert reason == 'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "reader" to Group "dev"'


async def test_a_service_account_is_a_subject(union: Union, put: Put) -> None:
    await put(GROUP, "roles", role("reader", GET_PODS, namespace="default"))
    subject = {"kind": "ServiceAccount", "name": "web", "namespace": "default"}
    await put(GROUP, "rolebindings", binding("b", "Role reader", subject, namespace="default"))
    account = UserInfo("system:serviceaccount:default:web")
    assert (await decide(union, account, get_pods()))[0] is Decision.ALLOW


async def test_masters_may_everything_without_a_role(union: Union) -> None:
    assert (await decide(union, UserInfo("x", ("system:masters",)), get_pods()))[0] is Decision.ALLOW


async def test_a_role_with_more_than_one_has_is_refused_and_names_what_is_missing(
    union: Union, put: Put
) -> None:
    await put(GROUP, "clusterroles", role("reader", GET_PODS))
    await put(GROUP, "clusterrolebindings", binding("b", "ClusterRole reader", TO_ALICE))
    escalation = EscalationCheck(union)
    wanted = role("r", {**GET_PODS, "verbs": ["get", "list", "watch"]}, namespace="default")
    assert await escalation.check_role(ALICE, wanted, None, "roles") == (
        'user "alice" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions '
        'not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}'
    )
    assert await escalation.check_role(ALICE, role("r", GET_PODS, namespace="default"), None, "roles") == ""


async def test_the_message_lists_a_thousand_of_a_million_missing_combinations(union: Union, put: Put) -> None:
    values = [f"v{number}" for number in range(100)]
    rule = {"apiGroups": values, "resources": values, "verbs": values}
    answer = await EscalationCheck(union).check_role(ALICE, role("r", rule), None, "clusterroles")
    lines = answer.splitlines()
    assert lines[0].endswith("is attempting to grant RBAC permissions not currently held:")
    assert lines[-1] == "and more"
    assert sum(line.count('"v') for line in lines) == 1_000 + 2 * len(lines[1:-1])


async def test_a_role_that_is_bound_many_times_is_listed_once(union: Union, put: Put) -> None:
    await put(GROUP, "clusterroles", role("reader", GET_PODS))
    for name in ("a", "b", "c"):
        await put(GROUP, "rolebindings", binding(name, "ClusterRole reader", TO_ALICE, namespace="default"))
    assert union.rbac is not None
    assert await decide(union, ALICE, get_pods()) != (Decision.NO_OPINION, "")
    assert union.rbac.list_user_rules(ALICE, "default") == [GET_PODS]


async def test_who_may_escalate_may_write_any_role(union: Union, put: Put) -> None:
    right = {"apiGroups": [GROUP], "resources": ["clusterroles"], "verbs": ["escalate"]}
    await put(GROUP, "clusterroles", role("e", right))
    await put(GROUP, "clusterrolebindings", binding("b", "ClusterRole e", TO_ALICE))
    assert await EscalationCheck(union).check_role(ALICE, role("r", GET_PODS), None, "clusterroles") == ""


async def test_selectors_of_an_aggregated_role_take_everything(union: Union, put: Put) -> None:
    rule = {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}
    answer = await EscalationCheck(union).check_role(
        ALICE, role("r", aggregationRule=rule), None, "clusterroles"
    )
    assert answer == "must have cluster-admin privileges to use the aggregationRule"


async def test_a_binding_needs_the_roles_rights_or_the_verb_bind(union: Union, put: Put) -> None:
    await put(GROUP, "clusterroles", role("reader", GET_PODS))
    escalation, wanted = (
        EscalationCheck(union),
        binding("b", "ClusterRole reader", TO_ALICE, namespace="default"),
    )
    assert "not currently held" in await escalation.check_binding(ALICE, wanted, None)
    right = {"apiGroups": [GROUP], "resources": ["clusterroles"], "verbs": ["bind"]}
    await put(GROUP, "clusterroles", role("binder", {**right, "resourceNames": ["reader"]}))
    await put(GROUP, "clusterrolebindings", binding("x", "ClusterRole binder", TO_ALICE))
    assert await escalation.check_binding(ALICE, wanted, None) == ""


async def test_a_role_that_is_not_there_cannot_be_bound(union: Union) -> None:
    with pytest.raises(StatusError) as caught:
        await EscalationCheck(union).check_binding(ALICE, binding("b", "ClusterRole nosuch", TO_ALICE), None)
    assert caught.value.code == 404


async def test_the_garbage_collectors_writes_are_no_grant(union: Union) -> None:
    old = role("r", GET_PODS)
    new = role("r", GET_PODS)
    new["metadata"]["finalizers"] = ["x/y"]
    assert await EscalationCheck(union).check_role(ALICE, new, old, "clusterroles") == ""
