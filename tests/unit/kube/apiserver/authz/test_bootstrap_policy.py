"""The policy that a cluster starts with."""

from __future__ import annotations

from typing import Any

from kprov.kube.apiserver.authz import bootstrap_policy
from kprov.kube.apiserver.authz.rules import allows
from kprov.kube.apiserver.bootstrap import rbac
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestInfo


def found(plural: str, name: str) -> dict[str, Any]:
    (obj,) = [
        obj
        for kind, _, obj in bootstrap_policy.load_policy()
        if (kind, obj["metadata"]["name"]) == (plural, name)
    ]
    return obj


def test_every_binding_binds_a_role_that_is_there() -> None:
    objects = bootstrap_policy.load_policy()
    roles = {
        (obj["kind"], namespace, obj["metadata"]["name"])
        for plural, namespace, obj in objects
        if plural in {"clusterroles", "roles"}
    }
    for plural, namespace, obj in objects:
        if plural.endswith("bindings"):
            reference = obj["roleRef"]
            place = namespace if reference["kind"] == "Role" else ""
            assert (reference["kind"], place, reference["name"]) in roles


def test_aggregated_roles_have_their_parts_rules_from_the_start() -> None:
    view, edit, admin = (found("clusterroles", name)["rules"] for name in ("view", "edit", "admin"))
    assert view
    assert all(rule in edit for rule in view)
    assert all(rule in admin for rule in edit)
    secret = RequestInfo(path="", verb="get", is_resource_request=True, resource="secrets", name="s")
    assert not any(allows(rule, secret) for rule in view)
    assert any(allows(rule, secret) for rule in edit)


def test_operators_of_the_cluster_are_cluster_admins() -> None:
    (subject,) = found("clusterrolebindings", "kubeadm:cluster-admins")["subjects"]
    assert (subject["kind"], subject["name"]) == ("Group", "kubeadm:cluster-admins")


def test_a_rule_that_was_taken_away_comes_back_and_an_addition_stays() -> None:
    wanted = found("clusterroles", "system:node-proxier")
    own = {"apiGroups": ["x"], "resources": ["y"], "verbs": ["get"]}
    current = {**wanted, "metadata": {"name": "r", "annotations": {}}, "rules": [own, *wanted["rules"][1:]]}
    assert rbac.merge(current, wanted)
    assert own in current["rules"]
    assert not rbac.merge(current, wanted)


def test_an_object_that_asks_to_be_left_alone_is() -> None:
    wanted = found("clusterroles", "system:node-proxier")
    annotations = {"rbac.authorization.kubernetes.io/autoupdate": "false"}
    assert not rbac.merge({"metadata": {"name": "r", "annotations": annotations}, "rules": []}, wanted)


async def test_the_bootstrap_policy_is_created_once_and_not_overwritten(registry: Registry) -> None:
    finished: list[bool] = []
    for _ in range(2):
        await rbac.run(registry, lambda: finished.append(True))
        await registry.store("rbac.authorization.k8s.io", "clusterroles").catch_up()
    assert finished == [True, True]
    for plural, namespace, obj in bootstrap_policy.load_policy():
        stored = registry.store("rbac.authorization.k8s.io", plural).lister.get(
            namespace, obj["metadata"]["name"]
        )
        assert stored is not None
        first = stored["metadata"]["managedFields"][0]["time"]
        assert stored["metadata"]["creationTimestamp"] == first
