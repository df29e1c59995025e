"""JWTs of an issuer by --oidc-* and by a configuration that changes: keys, claims, refusals as upstream's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.issuer import Issuer
from tests.apiserver.servers import ApiServer, Etcd, running

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    made = Issuer(tmp_path_factory.mktemp("issuer"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("oidc")
    (folder / "issuer.crt").write_text(issuer.authority)
    flags = (
        f"--oidc-issuer-url={issuer.url}",
        "--oidc-client-id=cluster",
        f"--oidc-ca-file={folder / 'issuer.crt'}",
        "--oidc-groups-claim=roles",
        "--oidc-groups-prefix=g:",
        "--oidc-signing-algs=RS256,ES256",
        "--oidc-required-claim=tenant=blue",
    )
    with running(folder, *flags) as (_, started):
        yield started


def review(server: ApiServer, token: str) -> Any:
    return server.post(REVIEWS, {"spec": {"token": token}}).json["status"]


def test_flags_describe_one_issuer(server: ApiServer, issuer: Issuer) -> None:
    found = review(server, issuer.token(tenant="blue", jti="j"))["user"]
    assert found == {
        "username": f"{issuer.url}#ann",
        "groups": ["g:dev", "system:authenticated"],
        "extra": {"authentication.kubernetes.io/credential-id": ["JTI=j"]},
    }


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"aud": "x"}, 'verify token: oidc: expected audience "cluster" got ["x"]'),
        ({"aud": 5}, "json: cannot unmarshal number into Go value of type []string"),
        ({"aud": ["cluster", 5]}, "json: cannot unmarshal number into .1 of type string"),
        ({"exp": 1}, "verify token: oidc: token is expired (Token Expiry: 1970-01-01 00:00:01 +0000 UTC)"),
        ({"exp": None}, 'strconv.ParseFloat: parsing "": invalid syntax'),
        ({"tenant": "red"}, "required claim tenant value does not match. Got = red, want = blue"),
        ({"tenant": 5}, "parse claim tenant: json: cannot unmarshal number into Go value of type string"),
        ({"roles": [7]}, 'parse groups claim "roles": json: cannot unmarshal array into Go value of type'),
        ({"_claim_names": {"x": "s"}}, "verify token: oidc: source does not exist"),
    ],
)
def test_a_review_tells_why_a_token_does_not_hold(
    server: ApiServer, issuer: Issuer, claims: dict[str, Any], text: str
) -> None:
    token = issuer.token(**({"tenant": "blue"} | claims))
    told = review(server, token)
    assert told["user"] == {}
    assert told["error"].startswith("[invalid bearer token, oidc: ")
    assert text in told["error"]
    assert server.post(WHO, {}, token=token).status == 401


def test_a_new_key_is_taken_at_once_and_the_old_one_no_more(server: ApiServer, issuer: Issuer) -> None:
    old = issuer.token(tenant="blue")
    assert server.post(WHO, {}, token=old).status == 201
    issuer.rotate()
    assert server.post(WHO, {}, token=issuer.token(tenant="blue")).status == 201
    assert server.post(WHO, {}, token=old).status == 401


def test_a_claim_may_be_elsewhere(server: ApiServer, issuer: Issuer) -> None:
    issuer.also["/groups"] = issuer.token(roles=["far"]).encode()
    sources = {"s": {"endpoint": f"{issuer.url}/groups"}}
    token = issuer.token(tenant="blue", _claim_names={"roles": "s"}, _claim_sources=sources, drop="roles")
    assert review(server, token)["user"]["groups"] == ["g:far", "system:authenticated"]


def test_flags_that_say_too_little_or_too_much_are_refused(tmp_path: Path) -> None:
    etcd = Etcd(tmp_path)
    try:
        said = ApiServer(tmp_path, etcd, "--oidc-issuer-url=https://issuer.example").refused()
        assert "oidc-issuer-url and oidc-client-id must be specified together" in said
        both = ("--oidc-issuer-url=http://issuer.example", "--oidc-client-id=c")
        assert "URL scheme must be https" in ApiServer(tmp_path, etcd, *both).refused()
        both = ("--authentication-config=/nowhere", "--oidc-client-id=c")
        assert "mutually exclusive" in ApiServer(tmp_path, etcd, *both).refused()
    finally:
        etcd.stop()


def test_another_configuration_is_taken_when_its_issuers_are_there(issuer: Issuer, tmp_path: Path) -> None:
    path = tmp_path / "authn.json"

    def write(prefix: str, url: str = "", **more: Any) -> None:
        entry = {
            "issuer": {
                "url": url or issuer.url,
                "audiences": ["cluster"],
                "certificateAuthority": issuer.authority,
            },
            "claimMappings": {"username": {"claim": "sub", "prefix": prefix}},
        }
        document = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration"}
        path.write_text(json.dumps(document | {"jwt": [entry]} | more))

    write("one:")
    with running(tmp_path, f"--authentication-config={path}") as (_, server):
        write("two:", url="https://127.0.0.1:1")
        time.sleep(2)
        assert review(server, issuer.token())["user"]["username"] == "one:ann"
        write("two:", anonymous={"enabled": False})
        time.sleep(2)
        assert review(server, issuer.token(x=1))["user"]["username"] == "one:ann"
        write("three:")
        end = time.monotonic() + 20
        while (name := review(server, issuer.token())["user"]["username"]) != "three:ann":
            assert time.monotonic() < end, name
            time.sleep(0.2)
