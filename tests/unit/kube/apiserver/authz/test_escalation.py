"""Nobody grants rights that they do not have themselves."""

from __future__ import annotations

from argparse import Namespace

import pytest

from kprov.kube.apiserver import authz
from kprov.kube.apiserver.authz.escalation import EscalationCheck
from kprov.kube.apiserver.authz.union import Union
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.machinery.status import StatusError
from tests.unit.kube.apiserver.authz.rbac_builders import (
    ALICE,
    GET_PODS,
    GROUP,
    TO_ALICE,
    Put,
    binding,
    decide,
    get_pods,
    role,
)


@pytest.fixture
def union(registry: Registry) -> Union:
    return authz.build(Namespace(authorization_mode=["Node", "RBAC"]), registry)


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
