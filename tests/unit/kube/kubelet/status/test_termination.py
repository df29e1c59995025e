"""The last status of a pod has a final phase."""

from __future__ import annotations

from kprov.kube.kubelet.status.termination import terminate_status
from kprov.kube.machinery.json_object import JsonObject
from tests.unit.kube.kubelet.kubelet_builders import container, pod

WAITING: JsonObject = {"waiting": {"reason": "ContainerCreating"}}
DONE: JsonObject = {"terminated": {"exitCode": 0}}


def make_status(phase: str, *app: JsonObject, init: tuple[JsonObject, ...] = ()) -> JsonObject:
    status: JsonObject = {
        "phase": phase,
        "containerStatuses": [{"name": f"c{n}", "state": state} for n, state in enumerate(app)],
    }
    if init:
        status["initContainerStatuses"] = [{"name": f"i{n}", "state": state} for n, state in enumerate(init)]
    return status


def list_reasons(status: JsonObject, field: str = "containerStatuses") -> list[str | None]:
    return [
        (item["state"].get("terminated") or item["state"]["waiting"]).get("reason") for item in status[field]
    ]


def test_a_pod_that_ends_before_its_containers_start_has_failed() -> None:
    status = make_status("Pending", WAITING)
    terminate_status(pod(), status)
    assert status["phase"] == "Failed"
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137
    assert list_reasons(status) == ["ContainerStatusUnknown"]


def test_a_final_phase_and_ended_containers_stay() -> None:
    status = make_status("Succeeded", DONE)
    terminate_status(pod(), status)
    assert status == make_status("Succeeded", DONE)


def test_a_container_in_back_off_shows_its_last_end() -> None:
    status = make_status("Running", WAITING)
    status["containerStatuses"][0]["lastState"] = {"terminated": {"exitCode": 3, "reason": "Error"}}
    terminate_status(pod(), status)
    assert status["phase"] == "Failed"
    assert status["containerStatuses"][0]["state"] == {"terminated": {"exitCode": 3, "reason": "Error"}}


def test_containers_after_an_unfinished_init_container_stay_waiting() -> None:
    spec = pod(init=[container("i0"), container("i1"), container("i2")])
    status = make_status("Pending", WAITING, init=(DONE, {"running": {}}, WAITING))
    terminate_status(spec, status)
    assert status["phase"] == "Failed"
    assert list_reasons(status) == ["ContainerCreating"]
    assert list_reasons(status, "initContainerStatuses") == [
        None,
        "ContainerStatusUnknown",
        "ContainerCreating",
    ]
