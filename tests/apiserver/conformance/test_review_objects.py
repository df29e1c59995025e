"""What reviews say of tokens and of their own metadata."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
import pytest

from tests.apiserver.servers import ApiServer

TOKENS = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS = "/apis/authorization.k8s.io/v1"
ISSUER = "https://kubernetes.default.svc"
LEGACY = "kubernetes/serviceaccount"
WRONG = "invalid claims: Expected `{}`, got `{}` - at `$.{}`"


def told(server: ApiServer, token: str) -> dict[str, Any]:
    answer = server.post(TOKENS, {"spec": {"token": token}})
    assert answer.status == 201
    status: dict[str, Any] = answer.json["status"]
    return status


@pytest.mark.parametrize("token", [" ", "\t", "  \n", " admin-token"])
def test_a_blank_token_is_no_credential(server: ApiServer, token: str) -> None:
    status = told(server, token)
    assert status["user"] == {"username": "system:anonymous", "groups": ["system:unauthenticated"]}
    assert (status["authenticated"], status["audiences"]) == (True, [ISSUER])


@pytest.mark.parametrize("token", ["alice-token ", "alice-token\n", "alice-token and more"])
def test_a_token_is_the_first_word(server: ApiServer, token: str) -> None:
    assert told(server, token)["user"]["username"] == "alice"


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"sub": 5}, WRONG.format("str | null", "int", "sub")),
        ({"nbf": True}, WRONG.format("int | float | null", "bool", "nbf")),
        ({"exp": "x"}, WRONG.format("int | float | null", "str", "exp")),
        ({"aud": 5}, WRONG.format("str | array", "int", "aud")),
        ({"aud": ["a", 5]}, WRONG.format("str", "int", "aud[1]")),
        ({"aud": None}, WRONG.format("str | array", "null", "aud")),
        ({"kubernetes.io": "x"}, WRONG.format("object | null", "str", "kubernetes.io")),
        (
            {"kubernetes.io": {"namespace": 5}},
            WRONG.format("str | null", "int", "kubernetes.io.namespace"),
        ),
        ({"kubernetes.io": {"pod": "x"}}, WRONG.format("object | null", "str", "kubernetes.io.pod")),
        (
            {"kubernetes.io": {"node": {"uid": 5}}},
            WRONG.format("str | null", "int", "kubernetes.io.node.uid"),
        ),
        (
            {"kubernetes.io": {"warnafter": "x"}},
            WRONG.format("int | float | null", "str", "kubernetes.io.warnafter"),
        ),
        ({"kubernetes.io": None}, "resource name may not be empty"),
        ({"exp": 1e30}, "service account token has expired"),
        (
            {"iss": LEGACY, "kubernetes.io/serviceaccount/namespace": 5},
            WRONG.format("str | null", "int", "kubernetes.io/serviceaccount/namespace"),
        ),
    ],
)
def test_an_invalid_claim_of_a_token_is_reported(
    server: ApiServer, changed: dict[str, Any], text: str
) -> None:
    now = int(time.time())
    account = {"namespace": "default", "serviceaccount": {"name": "default", "uid": "u"}}
    claims = {"iss": ISSUER, "aud": [ISSUER], "sub": "s", "exp": now + 60, "kubernetes.io": account} | changed
    key = (server.folder / "sa.key").read_text()
    assert told(server, jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm="ES256")) == {
        "user": {},
        "error": f"[invalid bearer token, {text}]",
    }


def test_a_refused_access_review_shows_its_metadata_with_their_owner(server: ApiServer) -> None:
    review = {
        "metadata": {"labels": {"a": "b"}, "name": "x"},
        "spec": {"user": "u", "resourceAttributes": {"verb": "get"}},
    }
    answer = server.post(f"{ACCESS}/subjectaccessreviews?fieldManager=q", review)
    assert answer.status == 422
    (cause,) = answer.json["details"]["causes"]
    shown = json.loads(cause["message"].removeprefix("Invalid value: ").removesuffix(": must be empty"))
    assert list(shown) == ["name", "labels", "managedFields"]
    (owner,) = shown["managedFields"]
    assert (owner["manager"], owner["apiVersion"]) == ("q", "authorization.k8s.io/v1")
    spec: dict[str, Any] = {"f:user": {}, "f:resourceAttributes": {".": {}, "f:verb": {}}}
    assert owner["fieldsV1"] == {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}, "f:spec": spec}


@pytest.mark.parametrize("field", ["creationTimestamp", "deletionTimestamp", "uid", "selfLink"])
def test_what_only_the_system_says_of_objects_is_passed_over(server: ApiServer, field: str) -> None:
    metadata = {field: "2020-01-01T00:00:00Z"}
    spec = {"resourceAttributes": {"verb": "get", "resource": "pods"}}
    for path, asked in ((f"{ACCESS}/selfsubjectaccessreviews", spec), (TOKENS, {"token": "alice-token"})):
        answer = server.post(path, {"metadata": metadata, "spec": asked})
        assert answer.status == 201
        assert field not in answer.json["metadata"]


def test_the_rules_of_masters_are_those_of_their_roles(server: ApiServer) -> None:
    answer = server.post(f"{ACCESS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}})
    rules = answer.json["status"]["resourceRules"]
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]} in rules
    assert any(rule["resources"] == ["selfsubjectreviews"] for rule in rules)
