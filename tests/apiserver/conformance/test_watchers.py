"""Watches of config maps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import merge, ok, watching
from tests.apiserver.servers import ApiServer
from tests.builders.config_maps import build_config_map

LABEL = "watch-this-configmap"
_DATA = {"mutation": "0"}


def mutate(server: ApiServer, path: str, number: int) -> JsonObject:
    return merge(server, path, {"data": {"mutation": str(number)}})


@pytest.mark.entry("Watchers should observe add, update, and delete watch notifications on configmaps")
def test_watchers_should_observe_add_update_and_delete_watch_notifications_on_configmaps(
    server: ApiServer, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    with (
        watching(server, path, labelSelector=f"{LABEL}=a") as first,
        watching(server, path, labelSelector=f"{LABEL}=b") as second,
        watching(server, path, labelSelector=f"{LABEL} in (a,b)".replace(" ", "%20")) as both,
    ):
        ok(server, "POST", path, build_config_map("one", _DATA, labels={LABEL: "a"}))
        mutate(server, f"{path}/one", 1)
        ok(server, "DELETE", f"{path}/one")
        ok(server, "POST", path, build_config_map("two", _DATA, labels={LABEL: "b"}))
        ok(server, "DELETE", f"{path}/two")
        seen = [(type_, obj["metadata"]["name"]) for type_, obj in (first.next(), first.next(), first.next())]
        assert seen == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one")]
        assert [second.next()[0], second.next()[0]] == ["ADDED", "DELETED"]
        assert [both.next()[0] for _ in range(5)] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]


@pytest.mark.entry("Watchers should be able to start watching from a specific resource version")
def test_watchers_should_be_able_to_start_watching_from_a_specific_resource_version(
    server: ApiServer, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    ok(server, "POST", path, build_config_map("a", _DATA, labels={LABEL: "a"}))
    first = mutate(server, f"{path}/a", 1)
    mutate(server, f"{path}/a", 2)
    ok(server, "DELETE", f"{path}/a")
    version = first["metadata"]["resourceVersion"]
    with watching(server, path, resourceVersion=version, timeoutSeconds=1) as watch:
        assert [(type_, obj["data"]["mutation"]) for type_, obj in watch.rest()] == [
            ("MODIFIED", "2"),
            ("DELETED", "2"),
        ]


@pytest.mark.entry(
    "Watchers should be able to restart watching from the last resource version observed by the previous watch"
)
def test_watchers_should_be_able_to_restart_watching_from_the_last_resource_version_observed(
    server: ApiServer, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    with watching(server, path) as watch:
        ok(server, "POST", path, build_config_map("a", _DATA, labels={LABEL: "a"}))
        mutate(server, f"{path}/a", 1)
        watch.until("ADDED", "a")
        last = watch.until("MODIFIED", "a")
    mutate(server, f"{path}/a", 2)
    ok(server, "DELETE", f"{path}/a")
    with watching(server, path, resourceVersion=last["metadata"]["resourceVersion"]) as watch:
        assert [watch.next()[0], watch.next()[0]] == ["MODIFIED", "DELETED"]


@pytest.mark.entry(
    "Watchers should observe an object deletion if it stops meeting the requirements of the selector"
)
def test_watchers_should_observe_an_object_deletion_if_it_stops_meeting_the_requirements_of_the_selector(
    server: ApiServer, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    with watching(server, path, labelSelector=f"{LABEL}=a") as watch:
        ok(server, "POST", path, build_config_map("a", _DATA, labels={LABEL: "a"}))
        mutate(server, f"{path}/a", 1)
        merge(server, f"{path}/a", {"metadata": {"labels": {LABEL: "wrong"}}})
        mutate(server, f"{path}/a", 2)
        merge(server, f"{path}/a", {"metadata": {"labels": {LABEL: "a"}}})
        mutate(server, f"{path}/a", 3)
        ok(server, "DELETE", f"{path}/a")
        events = [watch.next() for _ in range(6)]
    assert [(type_, obj["data"]["mutation"]) for type_, obj in events] == [
        ("ADDED", "0"),
        ("MODIFIED", "1"),
        ("DELETED", "1"),
        ("ADDED", "2"),
        ("MODIFIED", "3"),
        ("DELETED", "3"),
    ]


@pytest.mark.entry("Watchers should receive events on concurrent watches in same order")
def test_watchers_should_receive_events_on_concurrent_watches_in_same_order(
    server: ApiServer, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    start = ok(server, "GET", path)["metadata"]["resourceVersion"]

    def write(number: int) -> list[str]:
        made = [ok(server, "POST", path, build_config_map(f"c{number}", _DATA, labels={LABEL: "a"}))]
        made += [mutate(server, f"{path}/c{number}", 1)]
        return [each["metadata"]["resourceVersion"] for each in made]

    with ThreadPoolExecutor(4) as pool:
        versions = sorted((version for found in pool.map(write, range(20)) for version in found), key=int)
    for version in (start, *versions[:-1:8]):
        with watching(server, path, resourceVersion=version) as watch:
            wanted = [each for each in versions if int(each) > int(version)]
            assert [watch.next()[1]["metadata"]["resourceVersion"] for _ in wanted] == wanted
