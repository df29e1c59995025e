"""Lists by resourceVersion, in pieces, and with tokens that make no sense. Each answer was upstream's."""

from __future__ import annotations

import base64
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.apiserver.conformance.calls import merge, ok
from tests.apiserver.servers import ApiServer

PREFIX = "ListOptions.meta.k8s.io"
NOT_SUPPORTED = 'Unsupported value: "Wrong": supported values: "Exact", "NotOlderThan", ""'
NO_CONTINUE = "Forbidden: resourceVersionMatch is forbidden when continue is provided"


@pytest.fixture
def path(server: ApiServer, namespace: str) -> str:
    """The collection of four config maps."""
    found = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in "abcd":
        ok(server, "POST", found, {"metadata": {"name": name, "labels": {"even": str(name in "bd")}}})
    return found


def names(listed: dict[str, Any]) -> str:
    return "".join(each["metadata"]["name"] for each in listed["items"])


def token(**held: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps({"v": "meta.k8s.io/v1", **held}).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("abc", "invalid syntax"),
        ("-1", "invalid syntax"),
        ("1.5", "invalid syntax"),
        ("%D9%A3", "invalid syntax"),
        ("18446744073709551616", "value out of range"),
    ],
)
def test_a_list_at_no_version_is_a_bad_request(server: ApiServer, text: str, why: str) -> None:
    answer = server.get(f"/api/v1/configmaps?resourceVersion={text}")
    shown = text.replace("%D9%A3", "\u0663")
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
    assert answer.json["message"] == (
        f'invalid resource version: resourceVersion: Invalid value: "{shown}": '
        f'strconv.ParseUint: parsing "{shown}": {why}'
    )


def test_a_get_at_no_version_is_refused(server: ApiServer, path: str) -> None:
    answer = server.get(f"{path}/a?resourceVersion=abc")
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
    assert answer.json["message"].startswith('resourceVersion: Invalid value: "abc"')


@pytest.mark.parametrize(
    ("query", "causes"),
    [
        ("resourceVersionMatch=Exact", ["Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"]),
        (
            "resourceVersionMatch=Wrong",
            ["Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided", NOT_SUPPORTED],
        ),
        ("resourceVersionMatch=Wrong&resourceVersion=abc", [NOT_SUPPORTED]),
        ("resourceVersionMatch=NotOlderThan&resourceVersion=0&continue=x", [NO_CONTINUE]),
        (
            "resourceVersionMatch=Exact&resourceVersion=0&continue=x",
            [NO_CONTINUE, 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'],
        ),
        ("sendInitialEvents=false", ["Forbidden: sendInitialEvents is forbidden for list"]),
    ],
)  # fmt: skip
def test_combinations_that_a_list_does_not_take(server: ApiServer, query: str, causes: list[str]) -> None:
    answer = server.get(f"/api/v1/configmaps?{query}")
    assert answer.status == 422, answer.body
    assert [cause["message"] for cause in answer.json["details"]["causes"]] == causes
    assert answer.json["message"].startswith(f'{PREFIX} "" is invalid: ')


@pytest.mark.parametrize("text", ["", "abc", "1.5", "9223372036854775808"])
def test_numbers_that_are_none(server: ApiServer, text: str) -> None:
    why = "value out of range" if text.isdecimal() else "invalid syntax"
    for name in ("limit", "timeoutSeconds"):
        answer = server.get(f"/api/v1/configmaps?{name}={text}")
        assert (answer.status, answer.json["message"]) == (400, f'strconv.ParseInt: parsing "{text}": {why}')


def test_version_zero_has_no_pages(server: ApiServer, path: str) -> None:
    assert names(ok(server, "GET", f"{path}?limit=2&resourceVersion=0")) == "abcd"
    newest = ok(server, "GET", path)["metadata"]["resourceVersion"]
    listed = ok(server, "GET", f"{path}?limit=2&resourceVersion={newest}&resourceVersionMatch=NotOlderThan")
    assert (names(listed), listed["metadata"]["remainingItemCount"]) == ("ab", 2)


def test_an_exact_version_shows_the_past_and_pages_of_it(server: ApiServer, path: str) -> None:
    before = ok(server, "GET", path)["metadata"]["resourceVersion"]
    merge(server, f"{path}/a", {"data": {"changed": "yes"}})
    ok(server, "DELETE", f"{path}/b")
    then = ok(server, "GET", f"{path}?resourceVersion={before}&resourceVersionMatch=Exact")
    assert (names(then), "data" in then["items"][0]) == ("abcd", False)
    assert then["metadata"]["resourceVersion"] == before
    first = ok(server, "GET", f"{path}?resourceVersion={before}&limit=1")
    rest = ok(server, "GET", f"{path}?limit=5&continue={first['metadata']['continue']}")
    assert (names(first), names(rest), rest["metadata"]["resourceVersion"]) == ("a", "bcd", before)


def test_a_version_that_is_not_there_yet_times_out(server: ApiServer, path: str) -> None:
    matches = ("", "&resourceVersionMatch=Exact", "&resourceVersionMatch=NotOlderThan", "&limit=1")
    with ThreadPoolExecutor(len(matches)) as pool:
        answers = list(
            pool.map(lambda match: server.get(f"{path}?resourceVersion=1000000000{match}"), matches)
        )
    for answer in answers:
        assert (answer.status, answer.json["reason"], answer.headers["Retry-After"]) == (504, "Timeout", "1")
        assert answer.json["message"].startswith("Timeout: Too large resource version: 1000000000, current: ")
        assert answer.json["details"]["causes"] == [
            {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        ]


def test_what_remains_is_only_counted_without_selectors(server: ApiServer, path: str) -> None:
    listed = ok(server, "GET", f"{path}?limit=1&labelSelector=even%3DTrue")
    assert names(listed) == "b"
    assert "remainingItemCount" not in listed["metadata"]
    listed = ok(
        server, "GET", f"{path}?limit=1&labelSelector=even%3DTrue&continue={listed['metadata']['continue']}"
    )
    assert (names(listed), listed["metadata"].get("continue")) == ("d", None)


def test_a_token_counts_from_the_place_that_is_listed(server: ApiServer, namespace: str, path: str) -> None:
    here = token(rv=-1, start="/b\0")
    assert names(ok(server, "GET", f"{path}?continue={here}")) == "cd"
    everywhere = ok(
        server, "GET", f"/api/v1/configmaps?continue={token(rv=-1, start=f'/{namespace}/b' + chr(0))}"
    )
    assert names(everywhere).startswith("cd")
    made = ok(server, "GET", f"{path}?limit=2")["metadata"]["continue"]
    assert json.loads(base64.urlsafe_b64decode(made + "=="))["start"] == "/b\0"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("!!!!", "illegal base64 data at input byte 0"),
        ("abc==", "illegal base64 data at input byte 3"),
        ("e30", "server does not recognize this encoded version "),
        ("bnVsbA", "server does not recognize this encoded version "),
        (token(rv=0, start="/a"), "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"),
        (token(rv=7, start=""), "encoded start key empty (version meta.k8s.io/v1)"),
        (token(rv=7, start="../x"), "../x"),
        (token(rv=7, start="a/./x"), "a/./x"),
        (token(v="meta.k8s.io/v2", rv=7, start="a"), "server does not recognize this encoded version meta.k8s.io/v2"),
    ],
)  # fmt: skip
def test_tokens_that_are_none(server: ApiServer, text: str, why: str) -> None:
    answer = server.get(f"/api/v1/configmaps?limit=2&continue={text}")
    assert answer.status == 400, answer.body
    assert answer.json["message"] == f"invalid continue token: continue key is not valid: {why}"


def test_a_token_goes_with_no_version(server: ApiServer, path: str) -> None:
    made = ok(server, "GET", f"{path}?limit=2")["metadata"]["continue"]
    assert names(ok(server, "GET", f"{path}?continue={made}&resourceVersion=0")) == "cd"
    for version in ("7", "abc"):
        answer = server.get(f"{path}?continue={made}&resourceVersion={version}")
        text = "specifying resource version is not allowed when using continue"
        assert (answer.status, answer.json["message"]) == (400, text)


@pytest.mark.parametrize(("coding", "coded"), [("gzip", True), ("deflate, gzip", True), ("gzip;q=0", False)])
def test_large_answers_are_compressed_for_who_says_gzip(
    server: ApiServer, namespace: str, coding: str, coded: bool
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    headers = {"Accept-Encoding": coding}
    large = {"metadata": {"name": "large"}, "data": {"k": "y" * 140_000}}
    answers = [server.post(path, large, headers=headers)]
    answers += [server.get(each, headers=headers) for each in (path, f"{path}/large")]
    for answer in answers:
        assert ("Content-Encoding" in answer.headers) == coded
        body = gzip.decompress(answer.body) if coded else answer.body
        assert b"y" * 140_000 in body
    small = server.get("/api/v1/namespaces/default", headers=headers)
    assert "Content-Encoding" not in small.headers


def test_a_deletion_takes_preconditions_from_the_query(server: ApiServer, path: str) -> None:
    for query, word in (("uid=other", "UID"), ("resourceVersion=1", "ResourceVersion")):
        answer = server.ask("DELETE", f"{path}/a?{query}")
        assert (answer.status, answer.json["reason"]) == (409, "Conflict")
        assert f"the {word} in the precondition" in answer.json["message"]
    options = {"kind": "DeleteOptions", "apiVersion": "v1"}
    assert server.ask("DELETE", f"{path}/a?resourceVersion=1", options).status == 200
    found = ok(server, "GET", f"{path}/b")["metadata"]
    assert server.ask("DELETE", f"{path}/b?uid={found['uid']}").status == 200


def test_what_a_collection_deletion_took_comes_in_the_form_asked_for(server: ApiServer, path: str) -> None:
    headers = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1"}
    gone = ok(server, "DELETE", f"{path}?labelSelector=even%3DTrue", headers=headers)
    assert (gone["kind"], names(gone)) == ("PartialObjectMetadataList", "bd")
    assert {each["apiVersion"] for each in gone["items"]} == {"meta.k8s.io/v1beta1"}
    single = headers["Accept"].replace("List", "")
    refused = server.get(path, headers={"Accept": single})
    text = "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)"
    assert (refused.status, refused.json["message"]) == (406, text)


def test_errors_come_in_the_form_asked_for(server: ApiServer) -> None:
    missing = "/api/v1/namespaces/default/configmaps/none"
    answer = server.get(missing, headers={"Accept": "application/yaml"})
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/yaml")
    assert b"\nreason: NotFound\n" in answer.body
    answer = server.get(missing, headers={"User-Agent": "curl/8"})
    assert b'\n  "reason": "NotFound",\n' in answer.body


def test_a_table_says_what_it_holds_in_words_that_it_knows(server: ApiServer, path: str) -> None:
    headers = {"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1beta1"}
    answer = server.get(f"{path}?includeObject=wrong", headers=headers)
    words = "\"wrong\": must be 'Metadata', 'Object', 'None', or empty"
    assert (answer.status, answer.json["message"]) == (
        400,
        f"Unable to convert to Table as requested: includeObject: Invalid value: {words}",
    )
    table = ok(server, "GET", f"{path}?limit=1", headers=headers)
    assert table["rows"][0]["object"]["apiVersion"] == "meta.k8s.io/v1beta1"
