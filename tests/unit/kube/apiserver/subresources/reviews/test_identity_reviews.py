"""Who am I, and whose token is this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kprov.kube.machinery.status import StatusError

Ask = Callable[..., Awaitable[dict[str, Any]]]
ISSUER = "https://kubernetes.default.svc"


async def token_of(ask: Ask, **spec: Any) -> str:
    answer = await ask(
        "serviceaccounts", {"spec": spec}, namespace="default", name="web", subresource="token"
    )
    return str(answer["status"]["token"])


async def test_a_self_subject_review_returns_the_users_identity(ask: Ask) -> None:
    answer = await ask("selfsubjectreviews", {})
    assert answer["status"] == {"userInfo": {"username": "alice", "groups": ["system:authenticated"]}}


@pytest.mark.usefixtures("account")
async def test_a_token_review_returns_the_requested_audiences_of_the_token(ask: Ask) -> None:
    token = await token_of(ask, audiences=["vault", "other"])
    answer = await ask("tokenreviews", {"spec": {"token": token, "audiences": ["vault", "x"]}})
    assert answer["status"]["authenticated"] is True
    assert answer["status"]["audiences"] == ["vault"]
    assert answer["status"]["user"]["username"] == "system:serviceaccount:default:web"


@pytest.mark.usefixtures("account")
async def test_a_token_for_others_is_not_authenticated_and_the_claim_of_the_request_is_gone(ask: Ask) -> None:
    token = await token_of(ask, audiences=["vault"])
    forged = {"authenticated": True, "user": {"username": "root"}}
    answer = await ask("tokenreviews", {"spec": {"token": token}, "status": forged})
    assert not answer["status"].get("authenticated")
    assert answer["status"]["user"] == {}
    assert answer["status"]["error"]


async def test_tokens_that_are_no_accounts_are_known_too(ask: Ask) -> None:
    answer = await ask("tokenreviews", {"spec": {"token": "secret"}})
    assert answer["status"]["user"]["username"] == "bob"
    assert answer["status"]["audiences"] == [ISSUER]


async def test_an_unknown_token_is_an_answer_and_none_is_a_bad_request(ask: Ask) -> None:
    answer = await ask("tokenreviews", {"spec": {"token": "nonsense"}})
    assert answer["status"] == {"user": {}, "error": "invalid bearer token"}
    with pytest.raises(StatusError, match="token is required") as caught:
        await ask("tokenreviews", {"spec": {}})
    assert caught.value.code == 400
