"""--authentication-config and --authorization-config against the real server, with a real issuer of JWTs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.apiserver.issuer import Issuer
from tests.apiserver.servers import ApiServer, Etcd, running

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    made = Issuer(tmp_path_factory.mktemp("issuer"))
    yield made
    made.stop()


def configuration(issuer: Issuer, **entry: Any) -> dict[str, Any]:
    jwt_entry = {
        "issuer": {
            "url": issuer.url,
            "audiences": ["cluster", "other"],
            "audienceMatchPolicy": "MatchAny",
            "certificateAuthority": issuer.authority,
        },
        "claimMappings": {
            "username": {"claim": "sub", "prefix": "oidc:"},
            "groups": {"claim": "roles", "prefix": "team:"},
            "uid": {"claim": "jti"},
        },
        "claimValidationRules": [{"claim": "tenant", "requiredValue": "blue"}],
    }
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [jwt_entry | entry],
        "anonymous": {"enabled": True, "conditions": [{"path": "/livez"}, {"path": "/readyz"}]},
    }


@pytest.fixture(scope="module")
def server(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("authn")
    (folder / "authn.json").write_text(json.dumps(configuration(issuer)))
    authorizers = [{"type": "Node", "name": "node"}, {"type": "RBAC", "name": "rbac"}]
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthorizationConfiguration",
        "authorizers": authorizers,
    }
    (folder / "authz.json").write_text(json.dumps(document))
    flags = (
        f"--authentication-config={folder / 'authn.json'}",
        f"--authorization-config={folder / 'authz.json'}",
    )
    with running(folder, *flags) as (_, started):
        yield started


def test_an_issuers_token_is_a_user_by_its_claims(server: ApiServer, issuer: Issuer) -> None:
    token = issuer.token(tenant="blue", jti="j1")
    found = server.post(WHO, REVIEW, token=token).json["status"]["userInfo"]
    assert found == {
        "username": "oidc:ann",
        "uid": "j1",
        "groups": ["team:dev", "system:authenticated"],
        "extra": {"authentication.kubernetes.io/credential-id": ["JTI=j1"]},
    }
    assert server.post(WHO, REVIEW, token=token).status == 201


@pytest.mark.parametrize(
    "claims",
    [
        {"tenant": "red"},
        {"tenant": "blue", "aud": "elsewhere"},
        {"tenant": "blue", "exp": 1},
        {"tenant": "blue", "sub": 7},
        {"tenant": "blue", "aud": 5},
        {"tenant": "blue", "iss": "https://example.com"},
        {},
    ],
)
def test_a_token_that_does_not_hold_is_refused(
    server: ApiServer, issuer: Issuer, claims: dict[str, Any]
) -> None:
    answer = server.post(WHO, REVIEW, token=issuer.token(jti="j", **claims))
    assert answer.status == 401


def test_another_key_is_refused(server: ApiServer, issuer: Issuer) -> None:
    claims = jwt.decode(issuer.token(tenant="blue", jti="j"), options={"verify_signature": False})
    forged = jwt.encode(
        claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers={"kid": "k1"}
    )
    assert server.post(WHO, REVIEW, token=forged).status == 401


def test_only_some_paths_are_for_the_nameless(server: ApiServer) -> None:
    assert server.get("/livez", token=None).status == 200
    assert server.get("/version", token=None).status == 401
    assert server.get("/api/v1/pods", token=None).status == 401
    assert server.get("/api/v1/nodes/n1", token="node-token").status == 404


def test_errors_name_the_invalid_or_unsupported_field(issuer: Issuer, tmp_path: Path) -> None:
    mappings = {"username": {"expression": "claims.sub"}, "groups": {"claim": "roles"}}
    document = configuration(
        issuer, claimMappings=mappings, userValidationRules=[{"expression": "user.username != ''"}]
    )
    document["anonymous"]["enabled"] = False
    path = tmp_path / "authn.json"
    path.write_text(json.dumps(document))
    etcd = Etcd(tmp_path)
    try:
        said = ApiServer(tmp_path, etcd, f"--authentication-config={path}").refused()
        for text in (
            "jwt[0].claimMappings.username.expression: Forbidden: CEL expressions are not supported",
            "jwt[0].claimMappings.groups.prefix: Required value",
            "jwt[0].userValidationRules[0].expression: Forbidden",
            "anonymous.conditions: Invalid value",
        ):
            assert text in said
        del document["anonymous"]["conditions"]
        document["jwt"] = []
        path.write_text(json.dumps(document))
        flags = (f"--authentication-config={path}", "--anonymous-auth=false")
        assert "--anonymous-auth flag cannot be set" in ApiServer(tmp_path, etcd, *flags).refused()
        webhook = [{"type": "Webhook", "name": "w"}, {"type": "RBAC"}, {"type": "RBAC", "name": "r"}]
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "apiserver.config.k8s.io/v1",
                    "kind": "AuthorizationConfiguration",
                    "authorizers": webhook,
                }
            )
        )
        said = ApiServer(tmp_path, etcd, f"--authorization-config={path}").refused()
        assert "authorizers[0].type: Forbidden: Webhook is not supported" in said
        assert "authorizers[1].name: Required value" in said
        assert "authorizers[2].type: Duplicate value" in said
    finally:
        etcd.stop()


def test_another_authorization_configuration_is_taken_while_it_keeps_the_authorizers(tmp_path: Path) -> None:
    path = tmp_path / "authz.json"
    kinds = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthorizationConfiguration"}
    pods = "/api/v1/namespaces/default/pods"

    def write(*types: str, **names: str) -> None:
        listed = [{"type": each, "name": names.get(each, each.lower())} for each in types]
        path.write_text(json.dumps(kinds | {"authorizers": listed}))

    def becomes(status: int, started: ApiServer) -> bool:
        end = time.monotonic() + 20
        while started.get(pods, token="bob-token").status != status:
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    write("RBAC")
    with running(tmp_path, f"--authorization-config={path}") as (_, server):
        assert server.get(pods, token="bob-token").status == 403
        write("RBAC", "AlwaysAllow")
        assert becomes(200, server)
        for types in (("AlwaysDeny",), ("RBAC", "Node")):
            write(*types)
            time.sleep(2)
            assert server.get(pods, token="bob-token").status == 200
        write("RBAC", RBAC="other")
        time.sleep(2)
        assert server.get(pods, token="bob-token").status == 200
        write("RBAC")
        assert becomes(403, server)
