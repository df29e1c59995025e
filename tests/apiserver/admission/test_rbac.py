"""RBAC over its own objects: nobody grants more than they have, the policy comes back, roles are summed up."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.apiserver.authz.rule_coverage import find_uncovered
from tests.apiserver.admission.conftest import Space, eventually, new_space
from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer, running

GROUP = "rbac.authorization.k8s.io"
ROOT = f"/apis/{GROUP}/v1"
MERGE = "application/merge-patch+json"
READ_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    names = ("clusterrole-aggregation-controller", "serviceaccount-controller")
    with running(tmp_path_factory.mktemp("server")) as (_, started), controllers(started, *names):
        yield started


@pytest.fixture
def space(server: ApiServer) -> Space:
    """Alice may write roles and bindings here and has nothing else."""
    made = new_space(server)
    rule = {
        "apiGroups": [GROUP],
        "resources": ["roles", "rolebindings"],
        "verbs": ["create", "update", "patch"],
    }
    made.made(f"{GROUP}/v1/roles", {"metadata": {"name": "writer"}, "rules": [rule]})
    made.made(f"{GROUP}/v1/rolebindings", binding("writer", "Role", "writer"))
    return made


def binding(name: str, kind: str, role: str, user: str = "alice") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role},
        "subjects": [{"kind": "User", "apiGroup": GROUP, "name": user}],
    }


def allow(space: Space, name: str, rule: dict[str, Any]) -> None:
    """Give alice one more rule."""
    space.made(f"{GROUP}/v1/roles", {"metadata": {"name": name}, "rules": [rule]})
    space.made(f"{GROUP}/v1/rolebindings", binding(name, "Role", name))


def test_a_role_cannot_have_more_than_its_writer(space: Space) -> None:
    role = {"metadata": {"name": "r"}, "rules": [READ_PODS]}
    answer = space.create(f"{GROUP}/v1/roles", role, token="alice-token")
    assert answer.status == 403
    assert answer.json["message"] == (
        f'roles.{GROUP} "r" is forbidden: user "alice" (groups=["developers" "testers" "system:authenticated"]) '
        "is attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'
    )
    allow(space, "reader", READ_PODS)
    answer = eventually(lambda: space.create(f"{GROUP}/v1/roles", role, token="alice-token"))
    assert answer.status == 201


def test_escalate_lets_one_write_any_role(space: Space) -> None:
    allow(space, "escalating", {"apiGroups": [GROUP], "resources": ["roles"], "verbs": ["escalate"]})
    role = {"metadata": {"name": "r"}, "rules": [READ_PODS]}
    assert space.create(f"{GROUP}/v1/roles", role, token="alice-token").status == 201


def test_bind_lets_one_hand_on_that_role(space: Space) -> None:
    wanted = binding("b", "ClusterRole", "view", "bob")
    assert space.create(f"{GROUP}/v1/rolebindings", wanted, token="alice-token").status == 403
    rule = {"apiGroups": [GROUP], "resources": ["clusterroles"], "verbs": ["bind"], "resourceNames": ["view"]}
    allow(space, "binder", rule)
    assert space.create(f"{GROUP}/v1/rolebindings", wanted, token="alice-token").status == 201
    other = binding("c", "ClusterRole", "edit", "bob")
    assert space.create(f"{GROUP}/v1/rolebindings", other, token="alice-token").status == 403


def test_a_binding_keeps_its_role(space: Space) -> None:
    other = {"roleRef": {"apiGroup": GROUP, "kind": "Role", "name": "another"}}
    answer = space.patch(f"{GROUP}/v1/rolebindings", "writer", other)
    assert answer.status == 422
    assert "cannot change roleRef" in answer.json["message"]


def test_a_cluster_role_with_the_label_is_summed_up(server: ApiServer) -> None:
    rule = {"apiGroups": ["example.com"], "resources": ["widgets"], "verbs": ["get"]}
    label = {f"{GROUP}/aggregate-to-view": "true"}
    part = {"metadata": {"name": "widgets", "labels": label}, "rules": [rule]}
    assert server.post(f"{ROOT}/clusterroles", part).status == 201

    def has(name: str) -> bool:
        return rule in server.get(f"{ROOT}/clusterroles/{name}").json["rules"]

    for name in ("view", "edit", "admin"):
        assert eventually(partial(has, name))
    server.ask("DELETE", f"{ROOT}/clusterroles/widgets")
    assert eventually(lambda: not any(has(name) for name in ("view", "edit", "admin")))


def test_the_policy_comes_back_at_the_start(tmp_path: Path) -> None:
    role, bound = (
        f"{ROOT}/clusterroles/system:kube-scheduler",
        f"{ROOT}/clusterrolebindings/system:node-proxier",
    )
    alone = f"{ROOT}/clusterroles/system:kube-proxy-left-alone"
    with running(tmp_path) as (_, server):
        policy = server.get(role).json["rules"]
        server.ask("PATCH", role, {"rules": []}, content_type=MERGE)
        server.ask("DELETE", bound)
        left = {
            "metadata": {"annotations": {"rbac.authorization.kubernetes.io/autoupdate": "false"}},
            "rules": [],
        }
        basic = f"{ROOT}/clusterroles/system:basic-user"
        server.ask("PATCH", basic, left, content_type=MERGE)
        assert server.get(alone).status == 404
        server.stop()
        server.start()
        # In parts, as upstream adds them.
        assert find_uncovered(server.get(role).json["rules"], policy, 10, 1000) == ([], False)
        assert server.get(bound).status == 200
        assert not server.get(basic).json.get("rules")
