"""RBAC follows roles and bindings."""

from __future__ import annotations

from argparse import Namespace

import pytest

from kprov.kube.apiserver import authz
from kprov.kube.apiserver.authz.union import Union
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import UserInfo
from tests.unit.kube.apiserver.authz.rbac_builders import (
    ALICE,
    GET_PODS,
    GROUP,
    TO_ALICE,
    TO_DEV,
    Put,
    binding,
    decide,
    get_pods,
    role,
)


@pytest.fixture
def union(registry: Registry) -> Union:
    return authz.build(Namespace(authorization_mode=["Node", "RBAC"]), registry)


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
