"""What a start makes of roles and bindings that were changed."""

from __future__ import annotations

import copy
from typing import Any

from kprov.kube.apiserver.authz import bootstrap_policy
from kprov.kube.apiserver.bootstrap import rbac

AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"


def of_policy(plural: str, name: str) -> dict[str, Any]:
    (obj,) = [
        obj
        for kind, _, obj in bootstrap_policy.load_policy()
        if (kind, obj["metadata"]["name"]) == (plural, name)
    ]
    return copy.deepcopy(obj)


def test_what_is_as_the_policy_says_is_not_written() -> None:
    for _, _, obj in bootstrap_policy.load_policy():
        assert not rbac.merge(copy.deepcopy(obj), obj)


def test_a_rule_that_was_taken_away_comes_back_and_additions_stay() -> None:
    wanted = of_policy("clusterroles", "system:kube-scheduler")
    current = copy.deepcopy(wanted)
    extra = {"apiGroups": ["x"], "resources": ["y"], "verbs": ["get"]}
    current["rules"] = [extra, *current["rules"][1:]]
    assert rbac.merge(current, wanted)
    assert extra in current["rules"]
    assert not rbac.merge(current, wanted)


def test_what_is_not_to_be_updated_is_left_alone() -> None:
    wanted = of_policy("clusterroles", "system:kube-scheduler")
    current = copy.deepcopy(wanted) | {"rules": []}
    current["metadata"]["annotations"][AUTOUPDATE] = "false"
    assert not rbac.merge(current, wanted)


def test_labels_come_back_and_changed_ones_stay() -> None:
    wanted = of_policy("clusterroles", "view")
    current = copy.deepcopy(wanted)
    current["metadata"]["labels"] = {"kubernetes.io/bootstrapping": "mine"}
    del current["metadata"]["annotations"]
    assert rbac.merge(current, wanted)
    assert current["metadata"]["labels"] == wanted["metadata"]["labels"] | {
        "kubernetes.io/bootstrapping": "mine"
    }
    assert current["metadata"]["annotations"] == {AUTOUPDATE: "true"}


def test_selectors_of_aggregated_roles_are_added_to() -> None:
    wanted = of_policy("clusterroles", "edit")
    own = {"matchLabels": {"mine": "true"}}
    current = copy.deepcopy(wanted) | {"aggregationRule": {"clusterRoleSelectors": [own]}, "rules": []}
    assert rbac.merge(current, wanted)
    selectors = current["aggregationRule"]["clusterRoleSelectors"]
    assert selectors == [own, *wanted["aggregationRule"]["clusterRoleSelectors"]]
    assert current["rules"] == []


def test_a_subject_that_was_taken_away_comes_back() -> None:
    wanted = of_policy("clusterrolebindings", "cluster-admin")
    current = copy.deepcopy(wanted) | {"subjects": []}
    assert rbac.merge(current, wanted)
    assert current["subjects"] == wanted["subjects"]
