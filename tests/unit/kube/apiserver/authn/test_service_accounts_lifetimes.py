"""When a service account token begins and ends: clocks that differ, deletion that is awaited, secrets."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kprov.kube.apiserver.authn.service_accounts import ServiceAccountAuthenticator, TokenSigner, build_claims
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.status import StatusError

Put = Callable[..., Awaitable[dict[str, Any]]]
ISSUER = "https://kubernetes.default.svc"
KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


@pytest.fixture
def signer(tmp_path: Path) -> TokenSigner:
    file = tmp_path / "sa.key"
    file.write_bytes(PEM)
    return TokenSigner(str(file), ISSUER)


@pytest.fixture
def authenticator(signer: TokenSigner, registry: Registry) -> ServiceAccountAuthenticator:
    return ServiceAccountAuthenticator([signer.public_key], [ISSUER], [ISSUER], registry)


@pytest.fixture
async def account(put: Put) -> dict[str, Any]:
    return await put("", "serviceaccounts", {"metadata": {"name": "web", "namespace": "default"}})


def issued(account: dict[str, Any], ago: float, **more: Any) -> dict[str, Any]:
    return build_claims(account, audiences=[ISSUER], seconds=600, now=time.time() - ago, **more)


@pytest.mark.parametrize(("ago", "holds"), [(-30, True), (-300, False), (630, True), (700, False)])
async def test_clocks_of_api_servers_may_differ_by_a_minute(
    signer: TokenSigner,
    authenticator: ServiceAccountAuthenticator,
    account: dict[str, Any],
    ago: float,
    holds: bool,
) -> None:
    token = signer.sign(issued(account, ago))
    if holds:
        assert await authenticator.authenticate(token)
        return
    with pytest.raises(StatusError) as caught:
        await authenticator.authenticate(token)
    assert caught.value.code == 401


async def test_a_remembered_token_expires_too(
    signer: TokenSigner,
    authenticator: ServiceAccountAuthenticator,
    account: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = signer.sign(issued(account, 0))
    assert await authenticator.authenticate(token)
    later = time.time() + 700
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(StatusError):
        await authenticator.authenticate(token)


@pytest.mark.parametrize(("minutes", "holds"), [(5, True), (-5, False)])
async def test_a_token_ends_with_its_pods_deletion_time_although_a_finalizer_keeps_the_pod(
    signer: TokenSigner,
    authenticator: ServiceAccountAuthenticator,
    account: dict[str, Any],
    put: Put,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    minutes: int,
    holds: bool,
) -> None:
    spec = {"containers": [{"name": "c", "image": "i"}], "serviceAccountName": "web"}
    pod = await put("", "pods", {"metadata": {"name": "p", "namespace": "default"}, "spec": spec})
    token = signer.sign(issued(account, 0, bound={**pod, "kind": "Pod"}))
    end = timestamps.show(datetime.now(UTC) + timedelta(minutes=minutes))
    ending = {**pod, "metadata": {**pod["metadata"], "deletionTimestamp": end}}
    monkeypatch.setattr(registry.store("", "pods").lister, "get", lambda *_: ending)
    if holds:
        assert await authenticator.authenticate(token)
        return
    with pytest.raises(StatusError):
        await authenticator.authenticate(token)


class Legacy:
    """legacy(**claims) makes a token without end, as the token controller puts into a secret."""

    def __init__(self, account: dict[str, Any]) -> None:
        prefix = "kubernetes.io/serviceaccount/"
        self._claims = {
            "iss": "kubernetes/serviceaccount",
            "sub": "system:serviceaccount:default:web",
            f"{prefix}namespace": "default",
            f"{prefix}secret.name": "web-token",
            f"{prefix}service-account.name": "web",
            f"{prefix}service-account.uid": account["metadata"]["uid"],
        }

    def __call__(self, **claims: str) -> str:
        return jwt.encode(self._claims | claims, KEY, algorithm="ES256")


def secret_of(token: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "web-token", "namespace": "default"},
        "data": {"token": b64encode(token.encode()).decode()},
    }


async def test_a_token_of_a_secret_holds_while_the_secret_has_it(
    authenticator: ServiceAccountAuthenticator, account: dict[str, Any], put: Put
) -> None:
    token = Legacy(account)()
    with pytest.raises(StatusError):
        await authenticator.authenticate(token)
    await put("", "secrets", secret_of(token))
    found = await authenticator.authenticate(token)
    assert found is not None
    assert found[0].name == "system:serviceaccount:default:web"


async def test_a_token_that_its_secret_no_longer_has_is_refused(
    authenticator: ServiceAccountAuthenticator, account: dict[str, Any], put: Put
) -> None:
    legacy = Legacy(account)
    await put("", "secrets", secret_of(legacy(jti="new")))
    with pytest.raises(StatusError):
        await authenticator.authenticate(legacy(jti="old"))


async def test_a_token_of_a_secret_is_of_the_account_in_its_subject_only(
    authenticator: ServiceAccountAuthenticator, account: dict[str, Any], put: Put
) -> None:
    token = Legacy(account)(sub="system:serviceaccount:kube-system:admin")
    await put("", "secrets", secret_of(token))
    with pytest.raises(StatusError):
        await authenticator.authenticate(token)
