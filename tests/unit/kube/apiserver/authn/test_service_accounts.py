"""Service account tokens: signed, verified, and ended with what they are bound to."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kprov.kube.apiserver.authn.service_accounts import ServiceAccountAuthenticator, TokenSigner, build_claims
from kprov.kube.apiserver.registry.generic.deletion import DeleteOptions
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.status import StatusError

Put = Callable[..., Awaitable[dict[str, Any]]]
ISSUER = "https://kubernetes.default.svc"


def key_file(folder: Path, key: Any) -> str:
    file = folder / "sa.key"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(file)


@pytest.fixture(
    scope="module",
    params=[rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())],
    ids=["RS256", "ES256"],
)
def signer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TokenSigner:
    return TokenSigner(key_file(tmp_path_factory.mktemp("key"), request.param), ISSUER)


@pytest.fixture
def authenticator(signer: TokenSigner, registry: Registry) -> ServiceAccountAuthenticator:
    return ServiceAccountAuthenticator([signer.public_key], [ISSUER], [ISSUER], registry)


@pytest.fixture
async def account(put: Put) -> dict[str, Any]:
    return await put("", "serviceaccounts", {"metadata": {"name": "web", "namespace": "default"}})


def claims(account: dict[str, Any], **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"audiences": [ISSUER], "seconds": 600} | more
    return build_claims(account, **given)


async def test_a_token_is_its_account(
    signer: TokenSigner, authenticator: ServiceAccountAuthenticator, account: dict[str, Any]
) -> None:
    found = await authenticator.authenticate(signer.sign(claims(account)))
    assert found is not None
    user, audiences = found
    assert user.name == "system:serviceaccount:default:web"
    assert user.groups == (
        "system:serviceaccounts",
        "system:serviceaccounts:default",
        "system:authenticated",
    )
    assert user.uid == account["metadata"]["uid"]
    assert audiences == [ISSUER]


async def test_a_token_for_others_is_refused_and_a_review_may_ask_for_it(
    signer: TokenSigner, authenticator: ServiceAccountAuthenticator, account: dict[str, Any]
) -> None:
    token = signer.sign(claims(account, audiences=["vault"]))
    with pytest.raises(StatusError) as caught:
        await authenticator.authenticate(token)
    assert caught.value.code == 401
    found = await authenticator.authenticate(token, ["vault", "x"])
    assert found is not None
    assert found[1] == ["vault"]


async def test_an_expired_token_is_refused(
    signer: TokenSigner, authenticator: ServiceAccountAuthenticator, account: dict[str, Any]
) -> None:
    token = signer.sign(claims(account, now=time.time() - 3600))
    with pytest.raises(StatusError):
        await authenticator.authenticate(token)


async def test_a_token_of_another_key_is_refused_and_of_another_issuer_not_ours(
    authenticator: ServiceAccountAuthenticator, account: dict[str, Any], tmp_path: Path
) -> None:
    file = key_file(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(StatusError):
        await authenticator.authenticate(TokenSigner(file, ISSUER).sign(claims(account)))
    assert await authenticator.authenticate(TokenSigner(file, "https://x").sign(claims(account))) is None
    assert await authenticator.authenticate("nonsense") is None


async def test_a_token_ends_with_its_pod(
    signer: TokenSigner,
    authenticator: ServiceAccountAuthenticator,
    account: dict[str, Any],
    put: Put,
    registry: Registry,
) -> None:
    spec = {"containers": [{"name": "c", "image": "i"}], "serviceAccountName": "web"}
    pod = await put("", "pods", {"metadata": {"name": "p", "namespace": "default"}, "spec": spec})
    token = signer.sign(claims(account, bound={**pod, "kind": "Pod"}))
    found = await authenticator.authenticate(token)
    assert found is not None
    assert found[0].extra["authentication.kubernetes.io/pod-name"] == ("p",)
    store = registry.store("", "pods")
    context = make_system_context("delete", store.resource, "default", "p")
    await store.delete(context, "default", "p", DeleteOptions(grace_period_seconds=0))
    await store.catch_up()
    with pytest.raises(StatusError):
        await authenticator.authenticate(token)


async def test_a_token_ends_with_its_account_even_when_the_name_comes_back(
    signer: TokenSigner,
    authenticator: ServiceAccountAuthenticator,
    account: dict[str, Any],
    put: Put,
    registry: Registry,
) -> None:
    token = signer.sign(claims(account))
    assert await authenticator.authenticate(token)
    store = registry.store("", "serviceaccounts")
    await store.delete(make_system_context("delete", store.resource, "default", "web"), "default", "web")
    await put("", "serviceaccounts", {"metadata": {"name": "web", "namespace": "default"}})
    with pytest.raises(StatusError):
        await authenticator.authenticate(token)
