"""All kinds of credentials, several at once, and the errors for invalid ones; against a real server."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from tests.apiserver.servers import ApiServer, Authority, running

REVIEWS = "/apis/authentication.k8s.io/v1"
ACCESS = "/apis/authorization.k8s.io/v1"
SELF = f"{REVIEWS}/selfsubjectreviews"
NAMESPACE = "/api/v1/namespaces/default"


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("proxies"), "proxies")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, proxies: Authority) -> Iterator[ApiServer]:
    flags = (
        f"--requestheader-client-ca-file={proxies.file}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
    )
    with running(tmp_path_factory.mktemp("credentials"), *flags) as (_, server):
        yield server


def who(server: ApiServer, value: str, **more: Any) -> tuple[int, str]:
    """The code and the user that an Authorization header of that value makes."""
    answer = server.post(SELF, {}, token=None, headers={"Authorization": value}, **more)
    found = answer.json
    return answer.status, found["status"]["userInfo"]["username"] if answer.status == 201 else ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Bearer alice-token", (201, "alice")),
        ("bEaReR alice-token", (201, "alice")),
        ("Bearer alice-token and more", (201, "alice")),
        ("Bearer nobodys", (401, "")),
        ("Basic YTpi", (403, "")),
        ("Bearer", (403, "")),
        ("Bearer  alice-token", (403, "")),
    ],
)
def test_a_bearer_token_is_the_word_behind_the_scheme(
    server: ApiServer, value: str, expected: tuple[int, str]
) -> None:
    assert who(server, value) == expected


def test_a_token_behind_two_spaces_is_passed_over_with_a_warning(server: ApiServer) -> None:
    answer = server.post(SELF, {}, token=None, headers={"Authorization": "Bearer  alice-token"})
    (warning,) = answer.warnings
    assert "contains extra space before the bearer token, and is ignored" in warning


def test_a_wrong_credential_does_not_take_a_right_one_away(server: ApiServer, proxies: Authority) -> None:
    other = proxies.issue("other", "not-a-proxy")
    headers = {"X-Remote-User": "mallory"}
    found = server.post(SELF, {}, token="alice-token", certificate=other, headers=headers)
    assert found.json["status"]["userInfo"]["username"] == "alice"
    assert server.post(SELF, {}, token=None, certificate=other, headers=headers).status == 401


def test_a_certificate_without_a_name_that_no_front_proxys_authority_signed_is_wrong(
    server: ApiServer,
) -> None:
    nameless = server.authority.issue("nameless", "", ["developers"])
    assert server.post(SELF, {}, token=None, certificate=nameless).status == 401


NOT_IN_FORCE: list[dict[str, Any]] = [{"days": -1}, {"begins": 0.5}]


@pytest.mark.parametrize("times", NOT_IN_FORCE)
@pytest.mark.parametrize("path", ["/version", "/livez", NAMESPACE])
def test_a_certificate_that_is_not_in_force_is_a_wrong_credential(
    server: ApiServer, times: dict[str, Any], path: str
) -> None:
    certificate = server.authority.issue("wrong-time", "admin", ["system:masters"], **times)
    answer = server.get(path, token=None, certificate=certificate)
    assert (answer.status, answer.json["reason"]) == (401, "Unauthorized")
    assert server.get(path, token="nobodys", certificate=certificate).status == 401
    assert server.get(path, token="admin-token", certificate=certificate).status == 200


@pytest.mark.parametrize("times", NOT_IN_FORCE)
def test_a_proxys_certificate_that_is_not_in_force_names_nobody(
    server: ApiServer, proxies: Authority, times: dict[str, Any]
) -> None:
    proxy = proxies.issue("proxy", "front-proxy-client", **times)
    headers = {"X-Remote-User": "mallory"}
    assert server.post(SELF, {}, token=None, certificate=proxy, headers=headers).status == 401
    assert server.post(SELF, {}, token=None, certificate=proxy).status == 401
    found = server.post(SELF, {}, token="alice-token", certificate=proxy, headers=headers)
    assert found.json["status"]["userInfo"]["username"] == "alice"


def test_the_nameless_by_certificate_are_not_authenticated(server: ApiServer) -> None:
    nobody = server.authority.issue("nobody", "system:anonymous", ["system:unauthenticated"])
    answer = server.post(SELF, {}, token=None, certificate=nobody)
    assert answer.status == 403


@pytest.mark.parametrize(
    "headers", [{"Impersonate-User": "bob"}, {"Impersonate-Group": "g"}, {"Impersonate-Uid": "u"}]
)
def test_a_refused_impersonation_is_no_page_for_browsers(server: ApiServer, headers: dict[str, str]) -> None:
    answer = server.post(SELF, {}, token="alice-token", headers=headers)
    assert answer.status in {400, 403}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_a_client_names_is_shown_as_text_in_its_refusal(server: ApiServer) -> None:
    message = server.get("/api/v1/namespaces/%3Cx%3E/pods", token="bob-token").json["message"]
    assert message.endswith('in the namespace "&lt;x&gt;"')


# Tokens that this cluster signs


@pytest.fixture(scope="module")
def account(server: ApiServer) -> dict[str, Any]:
    made: dict[str, Any] = server.post(f"{NAMESPACE}/serviceaccounts", {"metadata": {"name": "web"}}).json
    return made


def minted(server: ApiServer, account: dict[str, Any], **changed: Any) -> str:
    """A token with the cluster's key; claims changed, those that are None left out. kid: of its header."""
    uid = account["metadata"]["uid"]
    claims: dict[str, Any] = {
        "iss": "https://kubernetes.default.svc",
        "aud": ["https://kubernetes.default.svc"],
        "sub": "system:serviceaccount:default:web",
        "exp": int(time.time()) + 600,
        "kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "web", "uid": uid}},
    }
    kid = changed.pop("kid", None)
    claims = {name: value for name, value in (claims | changed).items() if value is not None}
    key = (server.folder / "sa.key").read_text()
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": kid} if kid else None)


def review(server: ApiServer, token: str) -> dict[str, Any]:
    answer = server.post(f"{REVIEWS}/tokenreviews", {"spec": {"token": token}})
    assert answer.status == 201
    found: dict[str, Any] = answer.json["status"]
    return found


def test_a_token_without_audiences_or_an_id_is_this_servers(
    server: ApiServer, account: dict[str, Any]
) -> None:
    found = review(server, minted(server, account, aud=None))
    assert found["authenticated"]
    assert found["audiences"] == ["https://kubernetes.default.svc"]
    assert "extra" not in found["user"]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"iat": int(time.time()) + 3600}, "service account token is issued in the future"),
        ({"nbf": int(time.time()) + 3600}, "service account token is not valid yet"),
        ({"exp": int(time.time()) - 3600}, "service account token has expired"),
        ({"kid": "another"}, "invalid signature, no keys found"),
        (
            {"kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "gone", "uid": "u"}}},
            'serviceaccounts "gone" not found',
        ),
        (
            {"kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "web"}}},
            "does not match claim ()",
        ),
    ],
)
def test_the_error_for_an_invalid_token_gives_the_reason(
    server: ApiServer, account: dict[str, Any], changed: dict[str, Any], text: str
) -> None:
    token = minted(server, account, **changed)
    found = review(server, token)
    assert "authenticated" not in found
    assert text in found["error"]
    assert server.post(SELF, {}, token=token).status == 401


@pytest.mark.parametrize("changed", [{"exp": "soon"}, {"kubernetes.io": "x"}, {"sub": 5}, {"aud": [5]}])
def test_claims_of_another_type_are_a_wrong_token_and_no_failure(
    server: ApiServer, account: dict[str, Any], changed: dict[str, Any]
) -> None:
    key = (server.folder / "sa.key").read_text()
    claims = jwt.decode(minted(server, account), options={"verify_signature": False}) | changed
    token = jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm="ES256")
    assert review(server, token)["error"].startswith("[invalid bearer token, ")
    assert server.post(SELF, {}, token=token).status == 401


@pytest.mark.parametrize("invalidated", [False, True])
def test_the_last_use_of_a_secrets_token_is_recorded_at_the_secret(
    server: ApiServer, account: dict[str, Any], invalidated: bool
) -> None:
    name = f"web-{invalidated}".lower()
    prefix = "kubernetes.io/serviceaccount/"
    token = minted(
        server,
        account,
        iss="kubernetes/serviceaccount",
        aud=None,
        exp=None,
        **{
            f"{prefix}namespace": "default",
            f"{prefix}secret.name": name,
            f"{prefix}service-account.name": "web",
            f"{prefix}service-account.uid": account["metadata"]["uid"],
            "kubernetes.io": None,
        },
    )
    labels = {"kubernetes.io/legacy-token-invalid-since": "2024-01-01"} if invalidated else {}
    metadata = {"name": name, "labels": labels, "annotations": {"kubernetes.io/service-account.name": "web"}}
    kind = "kubernetes.io/service-account-token"
    data = {"token": b64encode(token.encode()).decode()}
    assert (
        server.post(f"{NAMESPACE}/secrets", {"metadata": metadata, "type": kind, "data": data}).status == 201
    )
    before = datetime.now(UTC)
    assert server.post(SELF, {}, token=token).status == (401 if invalidated else 201)
    told = server.get(f"{NAMESPACE}/secrets/{name}").json["metadata"]["labels"]
    days = {f"{day:%Y-%m-%d}" for day in (before, datetime.now(UTC))}
    assert told["kubernetes.io/legacy-token-last-used"] in days


@pytest.mark.parametrize(
    ("reference", "code", "text"),
    [
        ({}, 400, "cannot bind token to object of type /, Kind="),
        ({"apiVersion": "v1", "kind": "Pod"}, 400, "Name parameter required."),
    ],
)
def test_a_token_is_bound_to_something_or_to_nothing(
    server: ApiServer, account: dict[str, Any], reference: dict[str, Any], code: int, text: str
) -> None:
    del account
    answer = server.post(f"{NAMESPACE}/serviceaccounts/web/token", {"spec": {"boundObjectRef": reference}})
    assert (answer.status, answer.json["message"]) == (code, text)


# Reviews


def access(server: ApiServer, **attributes: Any) -> dict[str, Any]:
    node = {"user": "system:node:n1", "groups": ["system:nodes"]}
    asked = {"verb": "list", "resource": "pods"} | attributes
    answer = server.post(f"{ACCESS}/subjectaccessreviews", {"spec": node | {"resourceAttributes": asked}})
    found: dict[str, Any] = answer.json
    return found


def own(*values: str, operator: str = "In") -> dict[str, Any]:
    return {"requirements": [{"key": "spec.nodeName", "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "allowed", "told"),
    [
        ({"rawSelector": "spec.nodeName=n1"}, True, None),
        (own("n1"), True, None),
        (own("n2"), False, None),
        (own("n1", operator="NotIn"), False, None),
        (own("n1", "n2"), False, "spec.resourceAttributes.fieldSelector ignored due to parse error"),
        ({"rawSelector": "a"}, False, "spec.resourceAttributes.fieldSelector ignored due to parse error"),
    ],
)
def test_a_review_asks_with_the_selected_fields(
    server: ApiServer, selector: dict[str, Any], allowed: bool, told: str | None
) -> None:
    status = access(server, fieldSelector=selector)["status"]
    assert (status["allowed"], status.get("evaluationError")) == (allowed, told)


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"fieldSelector": {}}, "spec.resourceAttributes.fieldSelector.requirements"),
        ({"labelSelector": {}}, "spec.resourceAttributes.labelSelector.requirements"),
        ({"fieldSelector": own()}, "spec.resourceAttributes.fieldSelector.requirements[0].values"),
        (
            {"fieldSelector": own("n1") | {"rawSelector": "a=b"}},
            "spec.resourceAttributes.fieldSelector.rawSelector",
        ),
        (
            {"labelSelector": {"requirements": [{"key": "a b", "operator": "Exists"}]}},
            "spec.resourceAttributes.labelSelector.requirements[0].key",
        ),
    ],
)
def test_the_error_for_an_invalid_selector_of_a_review_names_the_field(
    server: ApiServer, attributes: dict[str, Any], field: str
) -> None:
    refusal = access(server, **attributes)
    assert refusal["code"] == 422
    assert [cause["field"] for cause in refusal["details"]["causes"]] == [field]


def test_a_rules_review_response_has_an_empty_spec_and_no_labels(server: ApiServer) -> None:
    asked = {"metadata": {"labels": {"a": "b"}}, "spec": {"namespace": "default"}}
    found = server.post(f"{ACCESS}/selfsubjectrulesreviews", asked).json
    assert found["spec"] == {}
    assert "labels" not in found["metadata"]
    assert found["status"]["resourceRules"]


def test_a_local_review_is_of_its_paths_namespace(server: ApiServer) -> None:
    attributes = {"verb": "get", "resource": "pods", "namespace": "default"}
    body = {"metadata": {"namespace": "other"}, "spec": {"user": "bob", "resourceAttributes": attributes}}
    local = server.post(f"{ACCESS}/namespaces/default/localsubjectaccessreviews", body)
    text = "the namespace of the provided object does not match the namespace sent on the request"
    assert (local.status, local.json["message"]) == (400, text)
    assert server.post(f"{ACCESS}/subjectaccessreviews", body).status == 201
