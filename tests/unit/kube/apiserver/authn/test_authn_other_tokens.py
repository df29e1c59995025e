"""Tokens of a file and of bootstrap secrets, and the order in which kinds of tokens are tried."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.apiserver.authn.bootstrap_tokens import BootstrapTokenAuthenticator
from kprov.kube.apiserver.authn.certificates import CertificateAuthenticator
from kprov.kube.apiserver.authn.static_tokens import load_static_tokens
from kprov.kube.apiserver.authn.union import Union
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import UserInfo
from kprov.kube.machinery.status import StatusError

Put = Callable[..., Awaitable[dict[str, Any]]]
TOKEN = "abcdef.0123456789abcdef"


def file_of(folder: Path, text: str) -> str:
    file = folder / "tokens.csv"
    file.write_text(text)
    return str(file)


def test_a_line_gives_token_user_uid_and_groups(tmp_path: Path) -> None:
    users = load_static_tokens(file_of(tmp_path, 'one,alice,u1,"dev,ops"\n\ntwo,bob,u2\n'))
    assert users == {
        "one": UserInfo("alice", ("dev", "ops", "system:authenticated"), "u1"),
        "two": UserInfo("bob", ("system:authenticated",), "u2"),
    }


def test_an_empty_token_is_nobodys_and_the_last_of_two_equal_ones_counts(tmp_path: Path) -> None:
    users = load_static_tokens(file_of(tmp_path, ",root,u0\none,alice,u1\none,bob,u2\n"))
    assert {token: user.name for token, user in users.items()} == {"one": "bob"}


def test_without_a_file_there_are_no_tokens() -> None:
    assert load_static_tokens("") == {}


def test_a_short_line_and_a_missing_file_end_the_start_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="record 2 must have at least 3 columns"):
        load_static_tokens(file_of(tmp_path, "one,alice,u1\ntwo,bob\n"))
    with pytest.raises(SystemExit, match="--token-auth-file"):
        load_static_tokens(str(tmp_path / "none.csv"))


def bootstrap_secret(**changed: str) -> dict[str, Any]:
    data = {
        "token-id": "abcdef",
        "token-secret": "0123456789abcdef",
        "usage-bootstrap-authentication": "true",
        "auth-extra-groups": "system:bootstrappers:workers",
    } | changed
    return {
        "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"},
        "type": "bootstrap.kubernetes.io/token",
        "data": {key: b64encode(value.encode()).decode() for key, value in data.items()},
    }


@pytest.fixture
def bootstrap(registry: Registry) -> BootstrapTokenAuthenticator:
    return BootstrapTokenAuthenticator(registry.store("", "secrets").lister)


async def test_a_bootstrap_token_is_a_bootstrapper(bootstrap: BootstrapTokenAuthenticator, put: Put) -> None:
    assert bootstrap.authenticate(TOKEN) is None
    await put("", "secrets", bootstrap_secret(expiration="2999-01-01T00:00:00Z"))
    user = bootstrap.authenticate(TOKEN)
    assert user is not None
    assert user.name == "system:bootstrap:abcdef"
    assert user.groups == ("system:bootstrappers", "system:bootstrappers:workers", "system:authenticated")


@pytest.mark.parametrize(
    "changed",
    [
        {"token-secret": "fedcba9876543210"},
        {"token-id": "fedcba"},
        {"usage-bootstrap-authentication": "false"},
        {"expiration": "2000-01-01T00:00:00Z"},
        {"expiration": "tomorrow"},
        {"auth-extra-groups": "system:masters"},
        {"auth-extra-groups": "system:bootstrappers:workers,"},
    ],
    ids=lambda changed: "=".join(*changed.items()),
)
async def test_a_bootstrap_token_does_not_hold(
    bootstrap: BootstrapTokenAuthenticator, put: Put, changed: dict[str, str]
) -> None:
    await put("", "secrets", bootstrap_secret(**changed))
    assert bootstrap.authenticate(TOKEN) is None


async def test_a_secret_of_another_type_is_no_bootstrap_token(
    bootstrap: BootstrapTokenAuthenticator, put: Put
) -> None:
    await put("", "secrets", bootstrap_secret() | {"type": "Opaque"})
    assert bootstrap.authenticate(TOKEN) is None


@pytest.mark.parametrize("token", ["abcdef", "ABCDEF.0123456789abcdef", f"{TOKEN}0", f"{TOKEN}\n"])
def test_what_has_another_form_is_no_bootstrap_token(
    bootstrap: BootstrapTokenAuthenticator, token: str
) -> None:
    assert bootstrap.authenticate(token) is None


async def test_a_bearer_token_of_the_file_is_its_user_and_an_unknown_one_is_refused() -> None:
    union = Union(
        CertificateAuthenticator([]), None, None, None, static={"one": UserInfo("alice")}, audiences=["api"]
    )
    assert await union.authenticate({"Authorization": "Bearer one"}, ()) == UserInfo("alice")
    assert await union.authenticate({}, ()) is None
    for other in ("two", "no\udce8text"):
        with pytest.raises(StatusError) as caught:
            await union.authenticate({"Authorization": f"Bearer {other}"}, ())
        assert caught.value.code == 401


async def test_a_token_of_the_file_is_for_this_server_only() -> None:
    union = Union(
        CertificateAuthenticator([]), None, None, None, static={"one": UserInfo("alice")}, audiences=["api"]
    )
    assert await union.authenticate_token("one", ["api", "vault"]) == (UserInfo("alice"), ["api"])
    with pytest.raises(StatusError):
        await union.authenticate_token("one", ["vault"])
