"""What a pod requests counts with resizes in place, by upstream's rules (TestPodResourceRequests)."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.api.decoding import convert
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.framework.object_changes import list_pod_events
from kprov.kube.scheduler.informers.compact import make_transforms
from kprov.kube.scheduler.state.pod_info import build_pod_info
from kprov.kube.scheduler.state.pod_requests import DEFAULT_MEMORY, sum_requests

INFEASIBLE = {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}
DEFERRED = INFEASIBLE | {"reason": "Deferred"}


def make_container(cpu: str = "", name: str = "c", **more: Any) -> JsonObject:
    return {"name": name, "resources": {"requests": {"cpu": cpu} if cpu else {}}} | more


def make_sidecar(cpu: str, name: str = "s") -> JsonObject:
    return make_container(cpu, name, restartPolicy="Always")


def make_status(actual: JsonObject, allocated: JsonObject | None = None, name: str = "c") -> JsonObject:
    status: JsonObject = {"name": name, "containerID": "containerd://1", "resources": {"requests": actual}}
    return status | ({"allocatedResources": allocated} if allocated else {})


def make_pod(spec: JsonObject, status: JsonObject) -> tuple[Pod, Pod]:
    """The pod whole, and as the informer stores it."""
    document = {"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "spec": {"nodeName": "n"} | spec}
    whole = document | {"status": status}
    return convert(whole, Pod), make_transforms()[Pod](convert(whole, Pod))


def resize(
    wanted: str, actual: str, allocated: str = "", *conditions: JsonObject
) -> tuple[JsonObject, JsonObject]:
    status = make_status({"cpu": actual}, {"cpu": allocated} if allocated else None)
    return {"containers": [make_container(wanted)]}, {
        "containerStatuses": [status],
        "conditions": list(conditions),
    }


def resize_init(container: JsonObject, actual: str, *conditions: JsonObject) -> tuple[JsonObject, JsonObject]:
    status = make_status({"cpu": actual}, name=container["name"])
    return {"initContainers": [container]}, {
        "initContainerStatuses": [status],
        "conditions": list(conditions),
    }


def resize_pod_level(
    wanted: JsonObject, actual: JsonObject, allocated: JsonObject, *conditions: JsonObject
) -> tuple[JsonObject, JsonObject]:
    return {"containers": [make_container()], "resources": {"requests": wanted}}, {
        "resources": {"requests": actual},
        "allocatedResources": allocated,
        "conditions": list(conditions),
    }


CASES = {
    "a larger resize counts at once": (resize("4", "2"), {"cpu": 4000}),
    "a deferred one too": (resize("4", "2", "2", DEFERRED), {"cpu": 4000}),
    "a smaller one when it is done": (resize("1", "2", "1"), {"cpu": 2000}),
    "an infeasible one never": (resize("4", "2", "", INFEASIBLE), {"cpu": 2000}),
    "what is allocated counts meanwhile": (resize("6", "2", "4", INFEASIBLE), {"cpu": 4000}),
    "only the first condition counts": (resize("4", "2", "", DEFERRED, INFEASIBLE), {"cpu": 4000}),
    "sidecars are resized": (resize_init(make_sidecar("1"), "2"), {"cpu": 2000}),
    "an infeasible resize of a sidecar": (resize_init(make_sidecar("4"), "2", INFEASIBLE), {"cpu": 2000}),
    "init containers count by their spec": (resize_init(make_container("1"), "2"), {"cpu": 1000}),
    "each resource has its own maximum": (
        (
            {
                "containers": [
                    {"name": "c", "resources": {"requests": {"cpu": "30m", "memory": "20M", "x.io/y": "1"}}}
                ]
            },
            {
                "containerStatuses": [
                    make_status(
                        {"cpu": "10m", "memory": "30M", "x.io/y": "2"},
                        {"cpu": "20m", "memory": "10M", "x.io/y": "3"},
                    )
                ]
            },
        ),
        {"cpu": 30, "memory": 30_000_000, "x.io/y": 3},
    ),
    "a resized sidecar runs beside the init containers after it": (
        (
            {
                "initContainers": [make_sidecar("1"), make_container("5", "i")],
                "containers": [make_container("1")],
            },
            {"initContainerStatuses": [make_status({"cpu": "3"}, name="s")]},
        ),
        {"cpu": 8000},
    ),
    "a pod is resized as a whole": (
        resize_pod_level({"cpu": "1", "memory": "1Mi"}, {"cpu": "2"}, {"cpu": "3", "memory": "1Mi"}),
        {"cpu": 3000, "memory": 1 << 20},
    ),
    "an infeasible resize of a whole pod": (
        resize_pod_level({"cpu": "8"}, {"cpu": "2"}, {"cpu": "3"}, INFEASIBLE),
        {"cpu": 3000},
    ),
}


@pytest.mark.parametrize(("parts", "expected"), CASES.values(), ids=CASES.keys())
def test_resizes_count_as_upstream(parts: tuple[JsonObject, JsonObject], expected: dict[str, int]) -> None:
    whole, kept = make_pod(*parts)
    assert sum_requests(whole) == sum_requests(kept) == expected
    assert build_pod_info(kept).nonzero.tolist() == build_pod_info(whole).nonzero.tolist()


def test_a_pod_that_was_never_resized_keeps_no_container_status() -> None:
    _, kept = make_pod(*resize("2", "2", "2", INFEASIBLE))
    assert (kept.status.container_statuses, kept.status.conditions) == ([], [])
    _, resized = make_pod(*resize("2", "3", "2", INFEASIBLE))
    assert [each.name for each in resized.status.container_statuses] == ["c"]
    assert not resized.status.container_statuses[0].container_id


def test_scores_count_the_default_for_what_an_infeasible_resize_adds() -> None:
    spec = {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]}
    status = {"containerStatuses": [make_status({"cpu": "1"})], "conditions": [INFEASIBLE]}
    for pod in make_pod(spec, status):
        assert build_pod_info(pod).nonzero.tolist()[:2] == [1000, DEFAULT_MEMORY]


def test_the_end_of_a_resize_is_an_event_that_frees_resources() -> None:
    _, before = make_pod(*resize("1", "2", "1"))
    _, after = make_pod(*resize("1", "1", "1"))
    assert [event.label for event in list_pod_events(before, after)] == ["AssignedPodUpdatePodScaleDown"]
    assert [event.label for event in list_pod_events(after, after)] == ["AssignedPodUpdate"]
