"""May this user do that: `kubectl auth can-i` and what kubelets and other servers ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kprov.kube.machinery.status import StatusError

Put = Callable[..., Awaitable[dict[str, Any]]]
Ask = Callable[..., Awaitable[dict[str, Any]]]
RBAC = "rbac.authorization.k8s.io"
READ_PODS = {"namespace": "default", "verb": "list", "resource": "pods"}


@pytest.fixture
async def readers(put: Put) -> None:
    """alice and the group dev may list pods of the namespace default."""
    metadata = {"name": "read", "namespace": "default"}
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    await put(RBAC, "roles", {"metadata": dict(metadata), "rules": rules})
    subjects = [
        {"apiGroup": RBAC, "kind": "User", "name": "alice"},
        {"apiGroup": RBAC, "kind": "Group", "name": "dev"},
    ]
    role = {"apiGroup": RBAC, "kind": "Role", "name": "read"}
    await put(RBAC, "rolebindings", {"metadata": dict(metadata), "subjects": subjects, "roleRef": role})


def about(**spec: Any) -> dict[str, Any]:
    return {"spec": spec}


@pytest.mark.usefixtures("readers")
async def test_what_one_may_oneself_comes_with_the_reason(ask: Ask) -> None:
    answer = await ask("selfsubjectaccessreviews", about(resourceAttributes=READ_PODS))
    assert answer["status"] == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "read/default" of Role "read" to User "alice"',
    }
    other = await ask("selfsubjectaccessreviews", about(resourceAttributes={**READ_PODS, "namespace": "x"}))
    assert other["status"]["allowed"] is False
    assert "denied" not in other["status"]


@pytest.mark.usefixtures("readers")
async def test_a_review_is_about_the_user_it_names_not_about_who_asks(ask: Ask) -> None:
    mallory = await ask("subjectaccessreviews", about(user="mallory", resourceAttributes=READ_PODS))
    assert mallory["status"]["allowed"] is False
    by_group = about(user="x", groups=["dev"], resourceAttributes=READ_PODS)
    assert (await ask("subjectaccessreviews", by_group))["status"]["allowed"] is True


@pytest.mark.parametrize(
    ("plural", "spec", "text"),
    [
        ("subjectaccessreviews", {"resourceAttributes": READ_PODS}, "at least one of user or group"),
        ("localsubjectaccessreviews", {"resourceAttributes": READ_PODS}, "at least one of user or group"),
        ("subjectaccessreviews", {"user": "u"}, "exactly one of nonResourceAttributes"),
        ("selfsubjectaccessreviews", {}, "exactly one of nonResourceAttributes"),
        (
            "selfsubjectaccessreviews",
            {"resourceAttributes": READ_PODS, "nonResourceAttributes": {"path": "/", "verb": "get"}},
            "cannot be specified in combination with resourceAttributes",
        ),
        (
            "localsubjectaccessreviews",
            {"user": "u", "resourceAttributes": {**READ_PODS, "namespace": "other"}},
            "must match metadata.namespace",
        ),
        (
            "localsubjectaccessreviews",
            {"user": "u", "nonResourceAttributes": {"path": "/", "verb": "get"}},
            "disallowed on this kind of request",
        ),
    ],
)
async def test_a_question_that_is_none_is_invalid(
    ask: Ask, plural: str, spec: dict[str, Any], text: str
) -> None:
    with pytest.raises(StatusError, match=text) as caught:
        await ask(plural, about(**spec), namespace="default" if plural.startswith("local") else "")
    assert caught.value.code == 422


@pytest.mark.usefixtures("readers")
async def test_the_rules_of_who_asks(ask: Ask) -> None:
    answer = await ask("selfsubjectrulesreviews", about(namespace="default"))
    assert answer["status"]["resourceRules"] == [
        {"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}
    ]
    assert answer["status"]["incomplete"] is False
    with pytest.raises(StatusError, match="no namespace on request"):
        await ask("selfsubjectrulesreviews", about())


@pytest.mark.parametrize(
    ("plural", "metadata", "words"),
    [
        ("subjectaccessreviews", {"name": "x"}, "must be empty"),
        ("selfsubjectaccessreviews", {"labels": {"a": "b"}}, "must be empty"),
        (
            "localsubjectaccessreviews",
            {"name": "x"},
            "must be empty except for namespace",
        ),
    ],
)
async def test_a_review_has_no_metadata(ask: Ask, plural: str, metadata: dict[str, Any], words: str) -> None:
    with pytest.raises(StatusError) as refused:
        await ask(plural, {"metadata": metadata, **about(user="alice", resourceAttributes=READ_PODS)})
    message = refused.value.message.removesuffix("]")
    assert message.startswith('.authorization.k8s.io "" is invalid: ')
    assert "metadata: Invalid value: {" in message
    assert f": {words}" in message
