"""serviceaccounts/token: what a token says, what it may be bound to, and who may have it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import pytest

from kprov.kube.machinery import timestamps
from kprov.kube.machinery.status import StatusError

Put = Callable[..., Awaitable[dict[str, Any]]]
Request = Callable[..., Awaitable[dict[str, Any]]]
ISSUER = "https://kubernetes.default.svc"
YEAR = 365 * 24 * 3600
pytestmark = pytest.mark.usefixtures("account")


@pytest.fixture
def request_token(ask: Any) -> Request:
    """request_token(spec, metadata, who) for the account default/web."""

    async def send(
        spec: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None, **who: Any
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"spec": spec or {}}
        if metadata:
            body["metadata"] = metadata
        answer: dict[str, Any] = await ask(
            "serviceaccounts", body, namespace="default", name="web", subresource="token", **who
        )
        return answer

    return send


@pytest.fixture
async def pod(put: Put) -> dict[str, Any]:
    """A pod of the account web on the node n1, which is not registered."""
    spec = {
        "containers": [{"name": "c", "image": "i"}],
        "serviceAccountName": "web",
        "nodeName": "n1",
        "volumes": [
            {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        ],
    }
    return await put("", "pods", {"metadata": {"name": "p", "namespace": "default"}, "spec": spec})


def bound_to(obj: dict[str, Any], kind: str, /, **changed: str) -> dict[str, Any]:
    reference = {"kind": kind, "apiVersion": "v1", "name": obj["metadata"]["name"]}
    return {"boundObjectRef": reference | {"uid": obj["metadata"]["uid"]} | changed}


def claims_of(answer: dict[str, Any]) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(answer["status"]["token"], options={"verify_signature": False})
    return claims


async def test_a_token_is_for_this_server_and_an_hour_unless_asked_otherwise(
    request_token: Request, account: dict[str, Any]
) -> None:
    answer = await request_token()
    claims = claims_of(answer)
    assert claims["iss"] == ISSUER
    assert claims["aud"] == [ISSUER]
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["sub"] == "system:serviceaccount:default:web"
    assert answer["spec"] == {"boundObjectRef": None, "audiences": [ISSUER], "expirationSeconds": 3600}
    assert timestamps.seconds(answer["status"]["expirationTimestamp"]) == claims["exp"]
    assert answer["metadata"]["uid"] == account["metadata"]["uid"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(599, "less than 10 minutes"), (0, "less than 10"), (2**32 + 1, "2^32")]
)
async def test_a_lifetime_has_bounds(request_token: Request, seconds: int, text: str) -> None:
    with pytest.raises(StatusError) as caught:
        await request_token({"expirationSeconds": seconds})
    assert caught.value.code == 422
    assert text in caught.value.message


async def test_a_token_of_a_pod_says_its_pod_and_node(request_token: Request, pod: dict[str, Any]) -> None:
    private = claims_of(await request_token(bound_to(pod, "Pod")))["kubernetes.io"]
    assert private["pod"] == {"name": "p", "uid": pod["metadata"]["uid"]}
    assert private["node"] == {"name": "n1", "uid": ""}


async def test_a_kubelets_token_lives_on_for_clients_that_read_it_once(
    request_token: Request, pod: dict[str, Any]
) -> None:
    answer = await request_token({"expirationSeconds": 3607} | bound_to(pod, "Pod"))
    claims = claims_of(answer)
    assert claims["exp"] - claims["iat"] == YEAR
    assert claims["kubernetes.io"]["warnafter"] == claims["iat"] + 3607
    assert timestamps.seconds(answer["status"]["expirationTimestamp"]) == claims["iat"] + 3607


@pytest.mark.parametrize("extends_tokens", [False])
async def test_a_kubelets_token_ends_after_its_hour_if_the_server_extends_none(
    request_token: Request, pod: dict[str, Any]
) -> None:
    claims = claims_of(await request_token({"expirationSeconds": 3607} | bound_to(pod, "Pod")))
    assert claims["exp"] - claims["iat"] == 3607
    assert "warnafter" not in claims["kubernetes.io"]


@pytest.mark.parametrize("audiences", [["vault"], [ISSUER, "vault"]])
async def test_a_token_for_others_does_not_live_on(
    request_token: Request, pod: dict[str, Any], audiences: list[str]
) -> None:
    spec = {"expirationSeconds": 3607, "audiences": audiences} | bound_to(pod, "Pod")
    claims = claims_of(await request_token(spec))
    assert claims["exp"] - claims["iat"] == 3607


async def test_tokens_of_secrets_and_nodes_name_them(request_token: Request, put: Put) -> None:
    secret = await put("", "secrets", {"metadata": {"name": "s", "namespace": "default"}})
    node = await put("", "nodes", {"metadata": {"name": "n1"}})
    claims = claims_of(await request_token(bound_to(secret, "Secret")))
    assert claims["kubernetes.io"]["secret"]["name"] == "s"
    claims = claims_of(await request_token(bound_to(node, "Node")))
    assert claims["kubernetes.io"]["node"]["uid"] == node["metadata"]["uid"]


@pytest.mark.parametrize(
    ("changed", "code", "text"),
    [
        ({"uid": "other"}, 409, "does not match the UID in record"),
        ({"name": "gone"}, 404, '"gone" not found'),
        ({"kind": "Deployment"}, 400, "cannot bind token to object of type /v1, Kind=Deployment"),
        ({"apiVersion": "x/v1"}, 400, "cannot bind token to object of type x/v1, Kind=Pod"),
    ],
    ids=["uid", "name", "kind", "group"],
)
async def test_what_a_token_is_not_bound_to(
    request_token: Request, pod: dict[str, Any], changed: dict[str, str], code: int, text: str
) -> None:
    with pytest.raises(StatusError) as caught:
        await request_token(bound_to(pod, "Pod", **changed))
    assert caught.value.code == code
    assert text in caught.value.message


async def test_a_pod_of_another_account_is_refused(request_token: Request, put: Put) -> None:
    spec = {"containers": [{"name": "c", "image": "i"}], "serviceAccountName": "other"}
    other = await put("", "pods", {"metadata": {"name": "q", "namespace": "default"}, "spec": spec})
    text = 'serviceaccount "web" to pod running with different serviceaccount name'
    with pytest.raises(StatusError, match=text) as caught:
        await request_token(bound_to(other, "Pod"))
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("metadata", "code"), [({"name": "x"}, 422), ({"namespace": "x"}, 400), ({"uid": "x"}, 409)]
)
async def test_a_request_that_means_another_account_is_refused(
    request_token: Request, metadata: dict[str, str], code: int
) -> None:
    with pytest.raises(StatusError) as caught:
        await request_token(metadata=metadata)
    assert caught.value.code == code


@pytest.mark.parametrize(("node", "allowed"), [("n1", True), ("n2", False)])
async def test_a_kubelet_gets_tokens_of_its_own_pods_only(
    request_token: Request, pod: dict[str, Any], node: str, allowed: bool
) -> None:
    who = {"user": f"system:node:{node}", "groups": ("system:nodes", "system:authenticated")}
    if allowed:
        assert claims_of(await request_token(bound_to(pod, "Pod"), **who))
        return
    with pytest.raises(StatusError, match="scheduled on a different node") as caught:
        await request_token(bound_to(pod, "Pod"), **who)
    assert caught.value.code == 403


async def test_the_token_that_is_given_out_is_taken_back(request_token: Request, ask: Any) -> None:
    token = (await request_token())["status"]["token"]
    user = await ask.authenticator.authenticate({"Authorization": f"Bearer {token}"}, ())
    assert user.name == "system:serviceaccount:default:web"
