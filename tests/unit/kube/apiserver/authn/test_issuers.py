"""Issuers of JWTs by configuration: claims to users, and a file that changes."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.apiserver.authn import configuration
from kprov.kube.apiserver.authn.certificates import CertificateAuthenticator
from kprov.kube.apiserver.authn.issuers import Issuer
from kprov.kube.apiserver.authn.reload import Reloader
from kprov.kube.apiserver.authn.token_claims import RefusedTokenError
from kprov.kube.apiserver.authn.union import Union
from kprov.kube.apiserver.request import RequestInfo, UserInfo


def entry(url: str = "https://issuer.example", **mappings: Any) -> dict[str, Any]:
    return {
        "issuer": {"url": url, "audiences": ["a"]},
        "claimMappings": {"username": {"claim": "sub", "prefix": "x:"}, **mappings},
    }


def document(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": list(entries),
        **more,
    }


def options(path: Path, **more: Any) -> Namespace:
    given = {"service_account_issuer": ["https://own"], "anonymous_auth_given": False, "oidc_given": False}
    given |= {"authorization_mode": ["RBAC"], "anonymous_auth": True}
    return Namespace(authentication_config=str(path), **(given | more))


@pytest.mark.parametrize(
    ("mappings", "claims", "user"),
    [
        ({}, {"sub": "a"}, UserInfo("x:a", ("system:authenticated",))),
        (
            {"groups": {"claim": "g", "prefix": ""}, "uid": {"claim": "id"}},
            {"sub": "a", "g": "one", "id": "7"},
            UserInfo("x:a", ("one", "system:authenticated"), "7"),
        ),
        (
            {"username": {"claim": "email", "prefix": ""}},
            {"email": "a@b", "email_verified": True},
            UserInfo("a@b", ("system:authenticated",)),
        ),
    ],
)
def test_claims_become_a_user(mappings: dict[str, Any], claims: dict[str, Any], user: UserInfo) -> None:
    assert Issuer(entry(**mappings)).build_user(claims) == user


@pytest.mark.parametrize(
    ("mappings", "claims"),
    [
        ({}, {}),
        ({}, {"sub": 7}),
        ({"username": {"claim": "email", "prefix": ""}}, {"email": "a@b", "email_verified": False}),
        ({"groups": {"claim": "g", "prefix": ""}}, {"sub": "a", "g": [7]}),
    ],
)
def test_claims_that_do_not_fit_are_refused(mappings: dict[str, Any], claims: dict[str, Any]) -> None:
    with pytest.raises(RefusedTokenError):
        Issuer(entry(**mappings)).build_user(claims)


@pytest.mark.parametrize(
    ("config", "flags", "allowed"),
    [
        (None, {}, {"/livez", "/x"}),
        (None, {"anonymous_auth": False}, set()),
        (None, {"authorization_mode": ["AlwaysAllow"]}, set()),
        ({"enabled": True}, {}, {"/livez", "/x"}),
        ({"enabled": False}, {}, set()),
        ({"enabled": True, "conditions": [{"path": "/livez"}]}, {}, {"/livez"}),
    ],
)
def test_who_may_be_nameless(config: Any, flags: dict[str, Any], allowed: set[str]) -> None:
    found = configuration.build_anonymous_rule(options(Path("f"), **flags), {"anonymous": config})
    asked = {path: RequestInfo(path=path, verb="get", is_resource_request=False) for path in ("/livez", "/x")}
    assert {path for path, info in asked.items() if found(info)} == allowed


async def test_a_broken_file_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "authn.json"
    path.write_text(json.dumps(document(entry())))
    union = Union(CertificateAuthenticator([]), None, None, None, issuers=[Issuer(entry())])
    reloader = Reloader(options(path), union)
    before = union.issuers
    await reloader.reload()
    path.write_text(json.dumps(document(entry("http://plain.example"))))
    await reloader.reload()
    assert union.issuers is before
    path.write_text(json.dumps(document()))
    await reloader.reload()
    assert union.issuers == {}


@pytest.mark.parametrize(
    ("made", "at"),
    [
        (document(entry("https://own")), "jwt[0].issuer.url"),
        (document(entry(), entry()), "jwt[1].issuer.url"),
        (document(entry(uid={"expression": "claims.x"})), "jwt[0].claimMappings.uid.expression"),
        (document(entry(username={"claim": "sub"})), "jwt[0].claimMappings.username.prefix"),
        (document(anonymous={"enabled": False, "conditions": [{"path": "/"}]}), "anonymous.conditions"),
    ],
)
def test_errors_name_the_invalid_field(made: dict[str, Any], at: str) -> None:
    assert at in [error.field for error in configuration.validate(made, ["https://own"])]
