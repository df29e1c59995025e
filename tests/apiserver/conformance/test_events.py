"""Events of core/v1 and of events.k8s.io/v1: one storage, two views."""

from __future__ import annotations

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import merge, ok, watching
from tests.apiserver.servers import ApiServer

TIME = "2024-01-01T00:00:00.000000Z"


def paths(namespace: str) -> tuple[str, str]:
    tail = f"namespaces/{namespace}/events"
    return f"/api/v1/{tail}", f"/apis/events.k8s.io/v1/{tail}"


def new_event(name: str, namespace: str, label: str = "a") -> JsonObject:
    return {
        "metadata": {"name": name, "labels": {"testevent-set": label}},
        "regarding": {"kind": "Pod", "name": "p", "namespace": namespace},
        "eventTime": TIME,
        "note": "This is test",
        "reason": "Test",
        "type": "Normal",
        "action": "Do",
        "reportingController": "test-controller",
        "reportingInstance": "test-node",
    }


def core_event(name: str, namespace: str, label: str = "a") -> JsonObject:
    return {
        "metadata": {"name": name, "labels": {"testevent-constant": label}},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": namespace},
        "message": "This is a test event",
        "reason": "Test",
        "type": "Normal",
        "count": 1,
    }


def names(listed: JsonObject) -> list[str]:
    return [each["metadata"]["name"] for each in listed["items"]]


@pytest.mark.entry("Events API should ensure that an event can be fetched, patched, deleted, and listed")
def test_events_api_should_ensure_that_an_event_can_be_fetched_patched_deleted_and_listed(
    server: ApiServer, namespace: str
) -> None:
    core, events = paths(namespace)
    with watching(server, events) as watch:
        made = ok(server, "POST", events, new_event("e", namespace))
        assert watch.until("ADDED", "e")["note"] == "This is test"
        assert names(ok(server, "GET", events)) == ["e"]
        assert "e" in names(ok(server, "GET", "/apis/events.k8s.io/v1/events"))
        for selector in ("reportingController=test-controller", "regarding.name=p", "reason=Test"):
            assert names(ok(server, "GET", f"{events}?fieldSelector={selector}")) == ["e"]
        assert names(ok(server, "GET", f"{events}?fieldSelector=regarding.name=q")) == []
        series = {"count": 2, "lastObservedTime": TIME}
        assert merge(server, f"{events}/e", {"series": series})["series"] == series
        found = ok(server, "GET", f"{events}/e")
        found["series"]["count"] = 100
        assert ok(server, "PUT", f"{events}/e", found)["series"]["count"] == 100
        seen = ok(server, "GET", f"{core}/e")
        assert (seen["message"], seen["involvedObject"]) == (made["note"], made["regarding"])
        ok(server, "DELETE", f"{events}/e")
        watch.until("DELETED", "e")
    assert names(ok(server, "GET", events)) == []


@pytest.mark.entry("Events API should delete a collection of events")
def test_events_api_should_delete_a_collection_of_events(server: ApiServer, namespace: str) -> None:
    _, events = paths(namespace)
    for number in range(3):
        ok(server, "POST", events, new_event(f"e{number}", namespace))
    ok(server, "POST", events, new_event("stays", namespace, "b"))
    ok(server, "DELETE", f"{events}?labelSelector=testevent-set=a")
    assert names(ok(server, "GET", events)) == ["stays"]


@pytest.mark.entry("Events should manage the lifecycle of an event")
def test_events_should_manage_the_lifecycle_of_an_event(server: ApiServer, namespace: str) -> None:
    core, events = paths(namespace)
    ok(server, "POST", core, core_event("e", namespace))
    assert "e" in names(ok(server, "GET", "/api/v1/events?labelSelector=testevent-constant=a"))
    patched = merge(server, f"{core}/e", {"message": "This is a test event - patched"})
    assert patched["message"].endswith("patched")
    fetched = ok(server, "GET", f"{core}/e")
    fetched["series"] = {"count": 100, "lastObservedTime": TIME}
    assert ok(server, "PUT", f"{core}/e", fetched)["series"]["count"] == 100
    assert ok(server, "GET", f"{events}/e")["note"] == patched["message"]
    ok(server, "DELETE", f"{core}/e")
    assert names(ok(server, "GET", core)) == []


@pytest.mark.entry("Events should delete a collection of events")
def test_events_should_delete_a_collection_of_events(server: ApiServer, namespace: str) -> None:
    core, _ = paths(namespace)
    for number in range(3):
        ok(server, "POST", core, core_event(f"e{number}", namespace))
    ok(server, "DELETE", f"{core}?labelSelector=testevent-constant=a")
    assert names(ok(server, "GET", core)) == []


def test_an_event_of_the_new_kind_says_all_of_itself(server: ApiServer, namespace: str) -> None:
    _, events = paths(namespace)
    bad = new_event("e", namespace) | {"type": "Odd", "reportingInstance": "", "deprecatedCount": 3}
    refused = server.post(events, bad)
    assert refused.status == 422
    fields = {each["field"] for each in refused.json["details"]["causes"]}
    assert fields == {"type", "reportingInstance", "count"}


def test_errors_name_the_requested_group(server: ApiServer, namespace: str) -> None:
    core, new = paths(namespace)
    ok(server, "POST", core, core_event("one", namespace))
    details = {"name": "one", "group": "events.k8s.io", "kind": "events"}
    taken = server.post(new, new_event("one", namespace))
    assert (taken.json["message"], taken.json["details"]) == (
        'events.events.k8s.io "one" already exists',
        details,
    )
    assert server.post(core, core_event("one", namespace)).json["message"] == 'events "one" already exists'
    for answer in (server.ask("GET", f"{new}/no"), server.ask("DELETE", f"{new}/no")):
        assert answer.json["message"] == 'events.events.k8s.io "no" not found'
    stale = new_event("one", namespace)
    stale["metadata"]["resourceVersion"] = "1"
    assert server.ask("PUT", f"{new}/one", stale).json["message"] == (
        'Operation cannot be fulfilled on events.events.k8s.io "one": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
