"""Where watches begin, what they send besides events, and how they end. Each answer was upstream's."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.apiserver.conformance.calls import merge, ok, watching
from tests.apiserver.servers import ApiServer

END = {"k8s.io/initial-events-end": "true"}
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
LATER = "NotOlderThan"

Events = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def path(server: ApiServer, namespace: str) -> str:
    """The collection of two config maps."""
    found = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in "ab":
        ok(server, "POST", found, {"metadata": {"name": name, "labels": {"in": "yes"}}})
    return found


def events(server: ApiServer, *wanted: str, **headers: str) -> list[Events]:
    """All that watches of a second give, at the same time. wanted: paths with queries."""

    def watch(path: str) -> Events:
        answer = server.get(f"{path}&timeoutSeconds=1", headers=headers)
        assert answer.status == 200, answer.body
        lines = [json.loads(line) for line in answer.body.splitlines()]
        return [(line["type"], line["object"]) for line in lines]

    with ThreadPoolExecutor(len(wanted)) as pool:
        return list(pool.map(watch, wanted))


def shown(found: Events) -> list[tuple[str, str]]:
    return [(type_, obj["metadata"].get("name", "")) for type_, obj in found]


ALL = [("ADDED", "a"), ("ADDED", "b")]


def test_a_watch_from_no_version_begins_with_what_is_there(server: ApiServer, path: str) -> None:
    plain = [f"{path}?watch=true&resourceVersion={version}" for version in ("", "0")]
    *unmarked, first, second = events(server, *plain, *(f"{each}&allowWatchBookmarks=true" for each in plain))
    assert [shown(each) for each in unmarked] == [ALL, ALL]
    for found in (first, second):
        assert shown(found) == [*ALL, ("BOOKMARK", "")]
        assert set(found[-1][1]["metadata"]) == {"resourceVersion", "annotations"}
        assert found[-1][1]["metadata"]["annotations"] == END


@pytest.mark.parametrize("version", ["", "0"])
def test_initial_events_that_are_not_wanted_do_not_come(server: ApiServer, path: str, version: str) -> None:
    query = {"resourceVersionMatch": LATER, "sendInitialEvents": "false", "resourceVersion": version}
    with watching(server, path, **query) as watch:
        merge(server, f"{path}/b", {"data": {"k": "1"}})
        assert watch.next()[0] == "MODIFIED"


def test_a_watch_from_a_version_gives_what_came_after_it(server: ApiServer, path: str) -> None:
    start = ok(server, "GET", path)["metadata"]["resourceVersion"]
    merge(server, f"{path}/a", {"metadata": {"labels": {"in": None}}})
    merge(server, f"{path}/a", {"data": {"k": "1"}})
    merge(server, f"{path}/a", {"metadata": {"labels": {"in": "yes"}}})
    watch = f"{path}?watch=true&resourceVersion={start}"
    everything, selected, named = events(
        server,
        watch,
        f"{watch}&labelSelector=in%3Dyes",
        f"{watch}&fieldSelector=metadata.name%3Db&allowWatchBookmarks=true",
    )
    assert shown(everything) == [("MODIFIED", "a")] * 3
    assert shown(selected) == [("DELETED", "a"), ("ADDED", "a")]
    assert selected[0][1]["metadata"]["labels"] == {"in": "yes"}
    assert named == []


def test_bookmarks_come_two_seconds_before_the_end(server: ApiServer, path: str) -> None:
    start = ok(server, "GET", path)["metadata"]["resourceVersion"]
    query = {"allowWatchBookmarks": "true", "resourceVersion": start, "timeoutSeconds": 3}
    with watching(server, path, **query) as watch:
        ((type_, obj),) = watch.rest()
    assert (type_, obj["kind"], obj["apiVersion"]) == ("BOOKMARK", "ConfigMap", "v1")
    assert set(obj["metadata"]) == {"resourceVersion"}
    assert int(obj["metadata"]["resourceVersion"]) >= int(start)


def test_bookmarks_in_other_forms(server: ApiServer, path: str) -> None:
    query = "watch=true&allowWatchBookmarks=true"
    own, *others = events(
        server,
        f"{path}?{query}",
        f"/api/v1/pods?{query}",
        f"/api/v1/nodes?{query}",
        f"/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas?{query}",
        Accept=TABLE,
    )
    *rows, (type_, table) = own
    assert (type_, table["kind"], table["columnDefinitions"]) == ("BOOKMARK", "Table", None)
    assert rows[0][1]["columnDefinitions"][0]["name"] == "Name"
    assert table["rows"][0]["cells"] == ["", 0, "<unknown>"]
    assert table["rows"][0]["object"]["metadata"]["annotations"] == END
    assert [(each[-1][0], each[-1][1]["rows"][0]["cells"][0]) for each in others] == [("BOOKMARK", "")] * 3
    ((*_, (type_, obj)),) = events(server, f"{path}?{query}", Accept=METADATA)
    assert (type_, obj["kind"], obj["metadata"]["annotations"]) == ("BOOKMARK", "PartialObjectMetadata", END)


@pytest.mark.parametrize(
    ("query", "causes"),
    [
        ("sendInitialEvents=true", ["Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"]),
        (
            "sendInitialEvents=false&resourceVersionMatch=Exact",
            [
                "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                'Unsupported value: "Exact": supported values: "NotOlderThan"',
            ],
        ),
        (
            "resourceVersionMatch=Wrong",
            [
                "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                'Unsupported value: "Wrong": supported values: "NotOlderThan"',
            ],
        ),
        ("continue=abc", ["Forbidden: resourceVersionMatch is forbidden when continue is provided"]),
    ],
)  # fmt: skip
def test_combinations_that_a_watch_does_not_take(server: ApiServer, query: str, causes: list[str]) -> None:
    answer = server.get(f"/api/v1/configmaps?watch=true&{query}")
    assert answer.status == 422, answer.body
    assert [cause["message"] for cause in answer.json["details"]["causes"]] == causes


def test_a_watch_from_no_version_at_all(server: ApiServer) -> None:
    answer = server.get("/api/v1/configmaps?watch=true&resourceVersion=abc")
    # Upstream answers 500; the client is wrong.
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
    assert answer.json["message"] == (
        'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax'
    )


def test_a_watch_from_a_version_that_is_not_there_yet(server: ApiServer, path: str) -> None:
    watch = f"{path}?watch=true&resourceVersion=1000000000"
    refused, quiet = events(server, f"{watch}&sendInitialEvents=true&resourceVersionMatch={LATER}", watch)
    ((type_, error),) = refused
    assert (type_, error["code"], error["reason"]) == ("ERROR", 504, "Timeout")
    assert quiet == []


def test_a_timeout_below_nothing_ends_at_once(server: ApiServer, path: str) -> None:
    answer = server.get(f"{path}?watch=true&timeoutSeconds=-1")
    assert (answer.status, answer.body) == (200, b"")


def test_all_but_false_and_0_is_true(server: ApiServer, path: str) -> None:
    found = events(server, *(f"{path}?watch={word}" for word in ("true", "1", "", "no")))
    assert [shown(each) for each in found] == [ALL] * 4
    assert ok(server, "GET", f"{path}?watch=False")["kind"] == "ConfigMapList"


def test_watches_by_path(server: ApiServer, namespace: str, path: str) -> None:
    by_path = path.replace("/api/v1/", "/api/v1/watch/")
    collection, one, itself, unmarked, zero = events(
        server,
        f"{by_path}?",
        f"{by_path}/b?watch=false",
        f"/api/v1/watch/namespaces/{namespace}?",
        f"{by_path}?allowWatchBookmarks=true",
        f"{path}?watch=true&resourceVersion=00",
    )
    assert (shown(collection), shown(one), shown(itself)) == (ALL, ALL[1:], [("ADDED", namespace)])
    # The bookmark that comes every minute may fall into it.
    assert [each for each in shown(unmarked) if each[0] != "BOOKMARK"] == ALL
    assert shown(zero) == ALL
    assert server.ask("DELETE", f"{by_path}/b").status == 405
    assert server.get("/api/v1/watch/configmaps/b").status == 404
    assert server.get("/api/v1/watch/componentstatuses").status == 404
    answer = server.get(f"{by_path}/b?fieldSelector=metadata.name%3Da")
    text = "fieldSelector metadata.name doesn't match requested name"
    assert (answer.status, answer.json["message"]) == (400, text)


def test_there_are_no_watches_in_yaml(server: ApiServer, path: str) -> None:
    assert server.get(f"{path}?watch=true", headers={"Accept": "application/yaml"}).status == 406
