"""Jobs for tests, and what is asked of them."""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually
from tests.apiserver.fake_kubelet import Exit
from tests.apiserver.workloads.conftest import Home

INDEX: Final = "batch.kubernetes.io/job-completion-index"
FINALIZER: Final = "batch.kubernetes.io/job-tracking"
#: Failures that long ago need no back-off any more.
LONG_AGO: Final = 3600.0


def build_job(name: str, *, restart: str = "Never", command: str = "", **spec: Any) -> JsonObject:
    """A job of one container. command: as the fake kubelet obeys it."""
    container: JsonObject = {"name": "c", "image": "registry.k8s.io/pause:3.10"}
    if command:
        container |= {"command": command.split()}
    template = {"spec": {"restartPolicy": restart, "containers": [container]}}
    return {"metadata": {"name": name}, "spec": {**spec, "template": template}}


def fail_indexes(*failing: int, code: int = 1) -> Any:
    """A rule of the fake kubelet: pods of these indexes fail, the others succeed."""
    return lambda pod: Exit(code if get_index(pod) in failing else 0, ago=LONG_AGO)


def get_index(pod: JsonObject) -> int:
    return int(pod["metadata"]["annotations"][INDEX])


def list_pods(home: Home, job: str) -> list[JsonObject]:
    labels = "batch.kubernetes.io/job-name"
    return [pod for pod in home.list("pods") if pod["metadata"].get("labels", {}).get(labels) == job]


def wait_for_running(home: Home, job: str, count: int) -> list[JsonObject]:
    """The job's pods, once so many of them run."""

    def find() -> list[JsonObject]:
        pods = [pod for pod in list_pods(home, job) if pod["status"].get("phase") == "Running"]
        return pods if len(pods) == count else []

    return list(eventually(find))


def wait_for_end(home: Home, job: str, kind: str, reason: str, seconds: float = 60.0) -> JsonObject:
    """The status of the job, once it has the condition."""

    def find() -> JsonObject | None:
        status: JsonObject = home.get("jobs", job)["status"]
        found = find_condition(status, kind)
        return status if found and found["status"] == "True" else None

    status: JsonObject = eventually(find, seconds)
    condition = find_condition(status, kind)
    assert condition is not None
    assert condition["reason"] == reason
    return status


def find_condition(status: JsonObject, kind: str) -> JsonObject | None:
    return next((each for each in status.get("conditions", ()) if each["type"] == kind), None)


def check_released(home: Home, job: str) -> None:
    """No pod of a finished job keeps the tracking finalizer."""
    eventually(lambda: not any(pod["metadata"].get("finalizers") for pod in list_pods(home, job)))
