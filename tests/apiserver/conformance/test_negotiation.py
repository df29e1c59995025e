"""What a request is refused for before anything is looked at or done: its types, its path, its time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.apiserver.servers import ApiServer

DEFAULT = "/api/v1/namespaces/default"
MAP = f"{DEFAULT}/configmaps/negotiated"
MERGE = "application/merge-patch+json"
PATCHES = f"application/json-patch+json, {MERGE}, application/strategic-merge-patch+json, application/apply-patch+yaml"
NO_TYPE = "415: Unsupported Media Type"
TOO_LATE = "Timeout: request did not complete within the allotted timeout"


@pytest.fixture(scope="module", autouse=True)
def config_map(server: ApiServer) -> Iterator[None]:
    server.post(f"{DEFAULT}/configmaps", {"metadata": {"name": "negotiated"}, "data": {"k": "v"}})
    yield
    server.ask("DELETE", MAP)


@pytest.mark.parametrize(
    ("content_type", "text", "details"),
    [
        ("application/json", NO_TYPE, {}),
        ("", NO_TYPE, {}),
        ("Application/Merge-Patch+JSON", NO_TYPE, {}),
        (f"a/b, {MERGE}", "the body of the request was in an unknown format - accepted media types include: " + PATCHES, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "path", [MAP, f"{DEFAULT}/pods/none/status", f"{DEFAULT}/pods/none/ephemeralcontainers"]
)
def test_a_patch_of_no_known_type_is_refused_unread(
    server: ApiServer, path: str, content_type: str, text: str, details: Any
) -> None:
    answer = server.ask("PATCH", path, b"{" + b" " * 4_000_000, content_type=content_type)
    assert (answer.status, answer.json["message"]) == (415, text)
    assert answer.json.get("details") == details


def test_parameters_of_a_patchs_type_are_passed_over(server: ApiServer) -> None:
    answer = server.ask("PATCH", f"{MAP}?dryRun=All", {}, content_type=f"{MERGE}; x")
    assert answer.status == 200


@pytest.mark.parametrize(
    ("path", "accept", "end"),
    [
        (f"{DEFAULT}/configmaps", "image/png", "application/json, application/yaml, application/json;stream=watch"),
        (f"{DEFAULT}/configmaps?watch=1", "image/png", "application/json, application/yaml, application/json;stream=watch"),
        (MAP, "image/png", "application/json, application/yaml"),
        (MAP, "application/yaml;stream=watch", "application/json, application/yaml"),
        (f"{DEFAULT}/pods/none/log", "image/png", "text/plain, application/json, application/yaml"),
        ("/apis/apps/v1/namespaces/default/deployments/none/scale", "image/png", "application/json, application/yaml"),
        ("/.well-known/openid-configuration", "image/png", "application/json"),
        ("/openid/v1/jwks", "application/json", "application/jwk-set+json"),
    ],
)  # fmt: skip
def test_who_takes_no_form_that_there_is_hears_which_there_are(
    server: ApiServer, path: str, accept: str, end: str
) -> None:
    answer = server.get(path, headers={"Accept": accept})
    assert answer.status == 406
    assert answer.json["message"].splitlines()[-1].rpartition(": ")[2] == end


def test_who_cannot_read_the_answer_has_done_nothing(server: ApiServer) -> None:
    pod = {"metadata": {"name": "unevicted"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    server.post(f"{DEFAULT}/serviceaccounts", {"metadata": {"name": "default"}})
    assert server.post(f"{DEFAULT}/pods", pod).status == 201
    path = f"{DEFAULT}/pods/unevicted"
    refused = server.post(
        f"{path}/eviction", {"metadata": {"name": "unevicted"}}, headers={"Accept": "image/png"}
    )
    assert refused.status == 406
    assert server.get(path).status == 200
    assert server.ask("DELETE", f"{path}?gracePeriodSeconds=0").status == 200


@pytest.mark.parametrize(("name", "why"), [(".", "be '.'"), ("..", "be '..'"), ("a%25b", "contain '%'")])
@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
def test_what_nothing_can_be_named_is_no_name(server: ApiServer, method: str, name: str, why: str) -> None:
    body: dict[str, Any] | None = {} if method == "PATCH" else None
    answer = server.ask(method, f"{DEFAULT}/configmaps/{name}", body, content_type=MERGE)
    told = f'Name parameter invalid: "{name.replace("%25", "%")}": may not {why}'
    assert (answer.status, answer.json["message"]) == (400, told)


def test_nothing_can_be_applied_under_no_name(server: ApiServer) -> None:
    applied = b'{"apiVersion":"v1","kind":"ConfigMap"}'
    path = f"{DEFAULT}/configmaps/..?fieldManager=x"
    answer = server.ask("PATCH", path, applied, content_type="application/apply-patch+yaml")
    assert (answer.status, answer.json["message"]) == (400, "Name parameter invalid: \"..\": may not be '..'")


def test_a_path_may_be_escaped_anywhere(server: ApiServer) -> None:
    assert server.get("/%61pi/v1/n%61mespaces/default/configmaps/negoti%61ted").json["data"] == {"k": "v"}
    refused = server.get("/%61pi/v1/n%61mespaces/default/secrets/s", token="alice-token")
    assert refused.json["details"] == {"name": "s", "kind": "secrets"}


@pytest.mark.parametrize("token", ["admin-token", "alice-token", "nobodys", None])
@pytest.mark.parametrize("path", [MAP, "/version", "/livez", "/nosuch", "/api/v1/nosuch"])
@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        ("x", 400, 'invalid timeout specified in the request URL - time: invalid duration "x"'),
        ("1", 400, 'invalid timeout specified in the request URL - time: missing unit in duration "1"'),
        ("9999999h", 400, 'invalid timeout specified in the request URL - time: invalid duration "9999999h"'),
        ("1ns", 504, TOO_LATE),
    ],
)
def test_how_long_a_request_may_take_is_looked_at_before_who_asks(
    server: ApiServer, asked: str, code: int, text: str, path: str, token: str | None
) -> None:
    answer = server.get(f"{path}?timeout={asked}", token=token)
    assert (answer.status, answer.json["message"]) == (code, text)
    assert "X-Kubernetes-Pf-Flowschema-Uid" not in answer.headers


@pytest.mark.parametrize("asked", ["", "0", "-1s", "30s", "2h"])
def test_a_request_may_take_as_long_as_it_says_and_as_long_as_any(server: ApiServer, asked: str) -> None:
    assert server.get(f"{MAP}?timeout={asked}").status == 200


def test_a_write_that_may_take_no_time_writes_nothing(server: ApiServer) -> None:
    answer = server.post(f"{DEFAULT}/configmaps?timeout=1ns", {"metadata": {"name": "late"}})
    assert answer.status == 504
    assert server.get(f"{DEFAULT}/configmaps/late").status == 404


def test_what_ends_by_no_time_has_none_to_be_wrong(server: ApiServer) -> None:
    events = server.get(f"{DEFAULT}/configmaps?watch=1&timeoutSeconds=1&timeout=x").body.splitlines()
    assert json.loads(events[0])["type"] == "ADDED"


def test_a_connection_is_no_dry_run(server: ApiServer) -> None:
    answer = server.ask("DELETE", f"{DEFAULT}/pods/none/proxy/a?dryRun=All")
    assert (answer.status, answer.json["message"]) == (400, "dryRun is not supported")
