"""Objects that are alike for quotas are counted together, and a recount finds the usage of each."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from kprov.kube.api.core import Pod, Service
from kprov.kube.api.decoding import convert
from kprov.kube.component_helpers.quota.pods import Pods
from kprov.kube.component_helpers.quota.services import Services
from kprov.kube.controller_manager.resource_quota.alike import AlikeObjects, measure_pod, measure_service
from kprov.kube.machinery.json_object import JsonObject

SMALL = {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "1"}}
LARGE = {"requests": {"cpu": "3"}, "limits": {"cpu": "4", "example.com/device": "2"}}
SCOPES: list[JsonObject] = [
    {"scopeName": "Terminating"},
    {"scopeName": "NotTerminating"},
    {"scopeName": "BestEffort"},
    {"scopeName": "PriorityClass", "operator": "In", "values": ["high"]},
    {"scopeName": "CrossNamespacePodAffinity"},
]


def build_pod(
    *, metadata: JsonObject | None = None, status: JsonObject | None = None, **spec: Any
) -> JsonObject:
    containers = [{"name": "c", "image": "i", "resources": SMALL}]
    return {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u"} | (metadata or {}),
        "spec": {"containers": containers, "nodeName": "n"} | spec,
        "status": {"phase": "Running", "podIP": "192.0.2.1"} | (status or {}),
    }


def build_container_status(**fields: Any) -> JsonObject:
    return {"containerStatuses": [{"name": "c", "ready": True, **fields}]}


@pytest.mark.parametrize(
    "document",
    [
        build_pod(),
        build_pod(containers=[{"name": "c"}]),
        build_pod(initContainers=[{"name": "i", "restartPolicy": "Always", "resources": LARGE}]),
        build_pod(initContainers=[{"name": "i", "resources": LARGE}], overhead={"cpu": "1"}),
        build_pod(resources={"requests": {"cpu": "7"}}, priorityClassName="high"),
        build_pod(activeDeadlineSeconds=5),
        build_pod(
            affinity={
                "podAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        {"topologyKey": "zone", "namespaces": ["other"]}
                    ]
                }
            }
        ),
        build_pod(status={"phase": "Succeeded"}),
        build_pod(metadata={"deletionTimestamp": "2020-01-01T00:00:00Z", "deletionGracePeriodSeconds": 1}),
        build_pod(status=build_container_status(resources=LARGE, allocatedResources={"cpu": "9"})),
        build_pod(
            status={
                "conditions": [{"type": "PodResizePending", "reason": "Infeasible"}],
                **build_container_status(resources=LARGE),
            }
        ),
        build_pod(
            resources={"requests": {"cpu": "7"}},
            status={"resources": {"requests": {"cpu": "8"}}, "allocatedResources": {"cpu": "9"}},
        ),
    ],
)
def test_measured_fields_of_a_pod_give_its_usage_and_scopes(document: JsonObject) -> None:
    measured = msgspec.to_builtins(measure_pod(convert(document, Pod)))
    assert Pods().usage(measured) == Pods().usage(document)
    for scope in SCOPES:
        assert Pods().in_scope(scope, measured) == Pods().in_scope(scope, document)


@pytest.mark.parametrize("allocates", [None, False])
@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort", "LoadBalancer"])
def test_measured_fields_of_a_service_give_its_usage(kind: str, *, allocates: bool | None) -> None:
    spec: JsonObject = {"type": kind, "ports": [{"port": 80}, {"port": 81, "nodePort": 30000}]}
    if allocates is not None:
        spec["allocateLoadBalancerNodePorts"] = allocates
    document = {"metadata": {"name": "s", "namespace": "ns"}, "spec": spec}
    measured = msgspec.to_builtins(measure_service(convert(document, Service)))
    assert Services().usage(measured) == Services().usage(document)


class Objects:
    """Calls the handlers that an informer has."""

    def __init__(self) -> None:
        self.handlers = SimpleNamespace()
        self.alike = AlikeObjects(self, measure_pod)  # type: ignore[arg-type]

    def add_handler(self, **functions: Callable[..., None]) -> None:
        self.handlers = SimpleNamespace(**functions)

    def list_counts(self, namespace: str = "ns") -> list[int]:
        return sorted(count for _, count in self.alike.list(namespace))


def make_pod(name: str, **fields: Any) -> Pod:
    return convert(build_pod(metadata={"name": name, "uid": name}, **fields), Pod)


def test_pods_that_are_alike_are_one_group() -> None:
    objects = Objects()
    for number in range(10):
        objects.handlers.on_add(make_pod(f"p{number}", hostname=f"p{number}", nodeName=f"n{number}"))
    objects.handlers.on_add(make_pod("other", containers=[{"name": "c", "resources": LARGE}]))
    assert objects.list_counts() == [1, 10]
    assert objects.list_counts("elsewhere") == []


def test_updates_and_deletions_move_a_pod_between_groups() -> None:
    objects = Objects()
    first, second = make_pod("a"), make_pod("b")
    for pod in (first, second):
        objects.handlers.on_add(pod)
    ended = make_pod("a", status={"phase": "Failed"})
    objects.handlers.on_update(first, ended)
    assert objects.list_counts() == [1, 1]
    objects.handlers.on_update(ended, ended)
    # A watch that was interrupted may report another last state than the store has.
    objects.handlers.on_delete(first)
    assert objects.list_counts() == [1]
    objects.handlers.on_delete(second)
    assert objects.list_counts() == []
    objects.handlers.on_delete(second)
    assert objects.list_counts() == []
