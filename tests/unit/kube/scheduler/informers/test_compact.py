"""The informers keep what the scheduler reads of pods, nodes and workloads, and hold equal parts once."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.api.apps import ReplicaSet
from kprov.kube.api.core import Node, Pod
from kprov.kube.api.decoding import convert
from kprov.kube.component_helpers.pod_claims import index_by_claim
from kprov.kube.component_helpers.pod_resource_claims import list_claim_names
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.framework.object_changes import list_node_events
from kprov.kube.scheduler.informers.compact import make_transforms
from kprov.kube.scheduler.state.pod_info import PodInfo, build_pod_info


@pytest.fixture
def compact() -> Any:
    """An object from a document, as the informers store it."""
    transforms = make_transforms()
    return lambda document, view: transforms[view](convert(document, view))


def make_pod(name: str = "p", node: str = "n", **spec: Any) -> JsonObject:
    container = {
        "name": "c",
        "image": "registry.example.org/app:1",
        "env": [{"name": "POD", "value": name}],
        "ports": [{"containerPort": 80, "hostPort": 8080}],
        "resources": {"requests": {"cpu": "100m", "example.org/gpu": "1"}},
        "volumeMounts": [{"name": f"token-{name}", "mountPath": "/t"}],
    }
    volumes = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "claim"}},
        {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
        {"name": f"token-{name}", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
    ]
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "a"}}}
    conditions = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"},
        {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"},
        {"type": "Ready", "status": "True"},
    ]
    status = {
        "phase": "Running",
        "nominatedNodeName": "other",
        "startTime": "2026-01-01T00:00:00Z",
        "podIP": f"192.0.2.{len(name)}",
        "conditions": conditions,
        "containerStatuses": [{"name": "c", "containerID": f"containerd://{name}"}],
        "resourceClaimStatuses": [{"name": "gpu", "resourceClaimName": "generated"}],
    }
    return {
        "metadata": {"name": name, "namespace": "ns", "uid": f"u-{name}", "labels": {"app": "a"}},
        "spec": {
            "nodeName": node,
            "containers": [container],
            "initContainers": [container | {"name": "sidecar", "restartPolicy": "Always"}],
            "volumes": volumes,
            "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}},
            "tolerations": [{"key": "k", "operator": "Exists"}],
            "priority": 7,
            "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "t"}],
            **spec,
        },
        "status": status,
    }


def make_node(name: str = "n", **status: Any) -> JsonObject:
    return {
        "metadata": {"name": name, "uid": f"u-{name}", "labels": {"kubernetes.io/hostname": name}},
        "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}], "podCIDR": "192.0.2.0/24"},
        "status": {
            "allocatable": {"cpu": "4", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}],
            "images": [{"names": ["registry.example.org/app:1"], "sizeBytes": 5}],
            "addresses": [{"type": "InternalIP", "address": f"192.0.2.{len(name)}"}],
            "nodeInfo": {"machineID": name},
            "declaredFeatures": ["Feature"],
            **status,
        },
    }


def describe(info: PodInfo) -> object:
    """What the plugins read of other pods."""
    rows = (info.requests.tolist(), info.nonzero.tolist(), info.extended)
    return *rows, info.host_ports, info.anti_affinity, info.priority, info.namespace, info.labels


def test_parts_of_pods_that_differ_only_in_name_are_held_once(compact: Any) -> None:
    one, other = compact(make_pod("one"), Pod), compact(make_pod("other"), Pod)
    for field in ("containers", "init_containers", "affinity", "tolerations", "volumes", "resource_claims"):
        assert getattr(one.spec, field) is getattr(other.spec, field)
    assert one.metadata.labels is other.metadata.labels
    assert one.status.conditions is other.status.conditions
    assert (one.key, one.metadata.uid) == ("ns/one", "u-one")
    assert (other.key, other.metadata.uid) == ("ns/other", "u-other")
    first, second = build_pod_info(one), build_pod_info(other)
    assert first.requests is second.requests


def test_a_pod_keeps_what_the_plugins_read(compact: Any) -> None:
    whole, kept = convert(make_pod(), Pod), compact(make_pod(), Pod)
    assert describe(build_pod_info(kept)) == describe(build_pod_info(whole))
    assert index_by_claim(kept) == index_by_claim(whole) == ["ns/claim", "ns/p-scratch"]
    assert list_claim_names(kept) == list_claim_names(whole) == ["generated"]
    assert [each.image for each in kept.spec.containers] == ["registry.example.org/app:1"]
    assert (kept.spec.node_name, kept.spec.tolerations) == ("n", whole.spec.tolerations)
    for field in ("phase", "nominated_node_name", "start_time"):
        assert getattr(kept.status, field) == getattr(whole.status, field) != ""


@pytest.mark.parametrize(("node", "condition"), [("", "PodScheduled"), ("n", "DisruptionTarget")])
def test_a_pod_keeps_the_condition_that_the_scheduler_may_write(
    compact: Any, node: str, condition: str
) -> None:
    kept = compact(make_pod(node=node), Pod)
    assert [each.type for each in kept.status.conditions] == [condition]
    assert kept.status.conditions[0].reason


def test_a_node_keeps_what_decides_where_pods_fit(compact: Any) -> None:
    whole = convert(make_node(), Node)
    one, other = compact(make_node("one"), Node), compact(make_node("other"), Node)
    assert one.status.images == whole.status.images
    assert one.status.allocatable == whole.status.allocatable
    assert one.status.declared_features == ["Feature"]
    assert one.spec.taints == whole.spec.taints
    assert one.status.images is other.status.images
    assert one.status.conditions is other.status.conditions
    assert other.metadata.labels == {"kubernetes.io/hostname": "other"}


def test_a_heartbeat_is_no_event_and_a_condition_that_changes_is_one(compact: Any) -> None:
    beat = {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:10Z"}
    old, new = compact(make_node(), Node), compact(make_node(conditions=[beat]), Node)
    assert old.status == new.status
    assert not list_node_events(old, new)
    lost = compact(make_node(conditions=[beat | {"status": "Unknown"}]), Node)
    assert len(list_node_events(new, lost)) == 1


def test_a_workload_keeps_its_selector(compact: Any) -> None:
    selector = {"matchLabels": {"app": "a"}}
    template = {"metadata": {"labels": {"app": "a"}}}
    document = {
        "metadata": {"name": "r", "namespace": "ns"},
        "spec": {"replicas": 3, "selector": selector, "template": template},
    }
    kept = compact(document, ReplicaSet)
    assert kept.key == "ns/r"
    assert kept.spec.selector.match_labels == {"app": "a"}
    assert not kept.spec.template
