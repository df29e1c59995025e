"""What objects use of quotas."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from kprov.kube.component_helpers.quota.evaluator import Objects, scopes_of
from kprov.kube.component_helpers.quota.registry import Evaluators
from kprov.kube.component_helpers.quota.usage import calculate_usage
from kprov.kube.machinery.json_object import JsonObject

World = dict[tuple[str, str], list[JsonObject]]


def objects_of(world: World) -> Objects:
    def objects(group: str, plural: str, namespace: str) -> Iterable[JsonObject]:
        del namespace
        return world.get((group, plural), [])

    return objects


def evaluators(world: World | None = None) -> Evaluators:
    return Evaluators(objects_of(world or {}))


def used(group: str, plural: str, obj: JsonObject, world: World | None = None) -> dict[str, str]:
    evaluator = evaluators(world).of(group, plural)
    assert evaluator is not None
    return {name: str(amount) for name, amount in evaluator.usage(obj).items()}


def in_scope(plural: str, scope: JsonObject, obj: JsonObject) -> bool:
    evaluator = evaluators().of("", plural)
    assert evaluator is not None
    return evaluator.in_scope(scope, obj)


def test_events_and_reviews_are_not_counted() -> None:
    assert evaluators().of("", "events") is None
    assert evaluators().of("authorization.k8s.io", "localsubjectaccessreviews") is None


def test_kinds_are_counted_by_group_and_by_their_old_names() -> None:
    assert used("apps", "deployments", {}) == {"count/deployments.apps": "1"}
    assert used("", "configmaps", {}) == {"count/configmaps": "1", "configmaps": "1"}


def test_ended_pod_counts_as_an_object_only() -> None:
    spec = {"containers": [{"name": "c", "resources": {"limits": {"memory": "1Gi"}}}]}
    assert used("", "pods", {"spec": spec}) == {"count/pods": "1", "pods": "1", "limits.memory": "1Gi"}
    assert used("", "pods", {"spec": spec, "status": {"phase": "Failed"}}) == {"count/pods": "1"}
    metadata = {"deletionTimestamp": "2020-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}
    assert used("", "pods", {"spec": spec, "metadata": metadata}) == {"count/pods": "1"}


@pytest.mark.parametrize(
    ("spec", "ports", "balancers"),
    [
        ({"type": "ClusterIP"}, "0", "0"),
        ({"type": "NodePort"}, "2", "0"),
        ({"type": "LoadBalancer"}, "2", "1"),
        ({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False}, "1", "1"),
    ],
)
def test_services_by_type(spec: JsonObject, ports: str, balancers: str) -> None:
    found = used("", "services", {"spec": spec | {"ports": [{"port": 1}, {"port": 2, "nodePort": 30000}]}})
    assert (found["services.nodeports"], found["services.loadbalancers"]) == (ports, balancers)


def test_claim_counts_its_allocated_size_if_larger() -> None:
    claim = {
        "spec": {"resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "gold"},
        "status": {"allocatedResources": {"storage": "2Gi"}},
    }
    found = used("", "persistentvolumeclaims", claim)
    assert found["requests.storage"] == "2Gi"
    assert found["gold.storageclass.storage.k8s.io/requests.storage"] == "2Gi"
    assert found["gold.storageclass.storage.k8s.io/persistentvolumeclaims"] == "1"


def test_devices_count_in_the_worst_case_and_as_extended_resources() -> None:
    first = [{"deviceClassName": "big", "allocationMode": "ExactCount", "count": 2}]
    first.append({"deviceClassName": "small", "allocationMode": "All"})
    requests = [
        {"name": "a", "firstAvailable": first},
        {"name": "b", "exactly": {"deviceClassName": "big", "allocationMode": "ExactCount", "count": 3}},
    ]
    device_class = {"metadata": {"name": "big"}, "spec": {"extendedResourceName": "example.com/big"}}
    world: World = {("resource.k8s.io", "deviceclasses"): [device_class]}
    found = used("resource.k8s.io", "resourceclaims", {"spec": {"devices": {"requests": requests}}}, world)
    assert found["big.deviceclass.resource.k8s.io/devices"] == "5"
    assert found["small.deviceclass.resource.k8s.io/devices"] == "32"
    assert found["requests.example.com/big"] == "5"
    assert found["requests.deviceclass.resource.kubernetes.io/small"] == "32"


def test_scopes_of_pods() -> None:
    plain: JsonObject = {"spec": {"containers": []}}
    ending = {"spec": {"containers": [], "activeDeadlineSeconds": 5}}
    assert in_scope("pods", {"scopeName": "Terminating"}, ending)
    assert in_scope("pods", {"scopeName": "NotTerminating"}, plain)
    assert in_scope("pods", {"scopeName": "BestEffort"}, plain)
    term = {"scopeName": "PriorityClass", "operator": "NotIn", "values": ["high"]}
    assert in_scope("pods", term, plain)
    assert not in_scope("pods", term, {"spec": {"priorityClassName": "high"}})
    assert not in_scope("pods", {"scopeName": "PriorityClass", "operator": "Exists"}, plain)


def test_scopes_of_claims() -> None:
    term = {"scopeName": "VolumeAttributesClass", "operator": "In", "values": ["fast"]}
    assert in_scope("persistentvolumeclaims", term, {"spec": {"volumeAttributesClassName": "fast"}})
    assert in_scope("persistentvolumeclaims", term, {"status": {"currentVolumeAttributesClassName": "fast"}})
    assert not in_scope("persistentvolumeclaims", term, {"spec": {}})


def test_a_namespaces_use_is_counted_within_the_scopes() -> None:
    pods: list[JsonObject] = [
        {"spec": {"containers": []}},
        {"spec": {"containers": [], "activeDeadlineSeconds": 1}},
    ]
    world: World = {("", "pods"): pods, ("", "secrets"): [{}]}
    quota = {
        "metadata": {"namespace": "a"},
        "spec": {"hard": {"pods": "5", "secrets": "1", "cpu": "1"}, "scopes": ["Terminating"]},
    }
    assert [scope["scopeName"] for scope in scopes_of(quota)] == ["Terminating"]
    found = [each for each in (evaluators(world).of("", kind) for kind in ("pods", "secrets")) if each]

    def count(group: str, plural: str, _: str) -> Iterable[tuple[JsonObject, int]]:
        return [(obj, 3) for obj in world[group, plural]]

    counted = {name: str(amount) for name, amount in calculate_usage(quota, found, count).items()}
    assert counted == {"pods": "3", "cpu": "0", "secrets": "0"}
