"""Events are joined before they are sent."""

from typing import Any

from kprov.kube.api.core import ObjectReference
from kprov.kube.client import EventRecorder, RestClient
from kprov.kube.client.events import EventAction

POD = ObjectReference(api_version="v1", kind="Pod", namespace="ns", name="p", uid="u")


async def test_a_repeated_event_is_counted_up(server: Any, client: RestClient) -> None:
    recorder = EventRecorder(client, component="kubelet", host="n1")
    for _ in range(3):
        recorder.event(POD, "Warning", "BackOff", "again")
    await recorder.close()
    (event,) = server.objects.values()
    assert (event["count"], event["reason"], event["source"]) == (
        3,
        "BackOff",
        {"component": "kubelet", "host": "n1"},
    )


async def test_many_similar_events_are_combined(server: Any, client: RestClient) -> None:
    recorder = EventRecorder(client, component="kubelet")
    for number in range(15):
        recorder.event(POD, "Normal", "Pulled", f"image {number}")
    await recorder.close()
    assert len(server.objects) == 11
    assert any(e["message"].startswith("(combined from similar events)") for e in server.objects.values())


async def test_one_object_cannot_flood_the_server(server: Any, client: RestClient) -> None:
    recorder = EventRecorder(client, component="kubelet")
    for _ in range(40):
        recorder.event(POD, "Warning", "BackOff", "again")
    await recorder.close()
    assert len(server.requests) == 25


async def test_an_event_names_the_action_and_the_related_object(server: Any, client: RestClient) -> None:
    other = ObjectReference(api_version="v1", kind="Pod", namespace="ns", name="preemptor", uid="u2")
    recorder = EventRecorder(client, component="default-scheduler")
    recorder.event(POD, "Normal", "Preempted", "gone", EventAction("Preempting", related=other))
    recorder.event(POD, "Normal", "Pulled", "image")
    await recorder.close()
    preempted, pulled = sorted(server.objects.values(), key=lambda each: each["reason"])
    assert preempted["action"] == "Preempting"
    assert preempted["related"]["name"] == "preemptor"
    assert not {"action", "related"} & pulled.keys()
