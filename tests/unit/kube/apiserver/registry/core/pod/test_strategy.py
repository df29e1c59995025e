"""Pods: what is filled in, refused, and kept."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest

from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.registry.podspec.defaults import choose_pull_policy
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find
from kprov.kube.machinery.status import StatusError
from tests.builders.pods import build_pod

_RESOURCE = find("", "v1", "pods")
assert _RESOURCE is not None
PODS = find_strategy(_RESOURCE)
_WEB = {"name": "web", "image": "nginx"}
make_pod = partial(build_pod, "web", namespace="default")


def defaulted(**spec: Any) -> JsonObject:
    obj = make_pod(**{"containers": [_WEB]} | spec)
    PODS.default(obj)
    return obj


def test_defaults_of_a_pod() -> None:
    spec = defaulted()["spec"]
    container = spec.pop("containers")[0]
    assert spec == {
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }
    assert container == {
        "name": "web",
        "image": "nginx",
        "imagePullPolicy": "Always",
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }


def test_defaults_are_filled_in_once() -> None:
    once = defaulted(volumes=[{"name": "a"}, {"name": "b", "secret": {"secretName": "s"}}])
    twice = copy.deepcopy(once)
    PODS.default(twice)
    assert once == twice
    assert once["spec"]["volumes"][0] == {"name": "a", "emptyDir": {}}
    assert once["spec"]["volumes"][1]["secret"]["defaultMode"] == 420


def test_requests_follow_limits() -> None:
    resources = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}
    spec = defaulted(containers=[{"name": "a", "image": "b", "resources": resources}])["spec"]
    assert spec["containers"][0]["resources"]["requests"] == {"cpu": "500m", "memory": "1Gi"}


def test_on_the_hosts_network_a_port_is_the_hosts_port() -> None:
    ports = [{"containerPort": 80}]
    spec = defaulted(hostNetwork=True, containers=[{"name": "a", "image": "b", "ports": ports}])["spec"]
    assert spec["containers"][0]["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.27", "IfNotPresent"),
        ("registry:5000/nginx", "Always"),
        ("registry:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:0000", "IfNotPresent"),
        ("nginx:latest@sha256:0000", "IfNotPresent"),
        (f"nginx@sha256:{'0' * 64}", "IfNotPresent"),
        (f"nginx:1@sha256:{'0' * 64}", "IfNotPresent"),
        (f"nginx:latest@sha256:{'0' * 64}", "Always"),
        ("a" * 64, "IfNotPresent"),
        ("a" * 65, "Always"),
    ],
)
def test_images_that_may_change_are_pulled_each_time(image: str, policy: str) -> None:
    assert choose_pull_policy(image) == policy


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
    ],
)
def test_a_new_pod_is_pending_and_has_its_class(resources: JsonObject, expected: str) -> None:
    obj = defaulted(containers=[{"name": "a", "image": "b", "resources": resources}])
    obj["status"] = {"phase": "Running"}
    PODS.prepare_for_create(make_system_context("create", _RESOURCE), obj)  # type: ignore[arg-type]
    assert obj["status"] == {"phase": "Pending", "qosClass": expected}
    assert obj["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("spec", "phase", "requested", "seconds"),
    [
        ({}, "Pending", None, 0),
        ({"nodeName": "n1"}, "Running", None, 30),
        ({"nodeName": "n1"}, "Running", 5, 5),
        ({"nodeName": "n1"}, "Running", 0, 0),
        ({"nodeName": "n1"}, "Running", -1, 1),
        ({"nodeName": "n1"}, "Succeeded", None, 0),
        ({"nodeName": "n1", "terminationGracePeriodSeconds": 7}, "Running", None, 7),
    ],
)
def test_grace_is_for_pods_that_a_kubelet_runs(
    spec: JsonObject, phase: str, requested: int | None, seconds: int
) -> None:
    obj = defaulted(**spec) | {"status": {"phase": phase}}
    assert PODS.choose_grace_period(obj, requested) == seconds


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"containers": []}, "spec.containers: Required value"),
        ({"containers": [{"name": "a"}]}, "spec.containers[0].image: Required value"),
        (
            {"containers": [{"name": "a", "image": "b"}, {"name": "a", "image": "b"}]},
            'spec.containers[1].name: Duplicate value: "a"',
        ),
        (
            {"containers": [{"name": "a", "image": "b", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]},
            'spec.containers[0].volumeMounts[0].name: Not found: "v"',
        ),
        (
            {"restartPolicy": "Sometimes"},
            'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
        ),
        (
            {
                "containers": [
                    {
                        "name": "a",
                        "image": "b",
                        "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}},
                    }
                ]
            },
            'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
        ),
        (
            {"containers": [{"name": "a", "image": "b", "livenessProbe": {}}]},
            "spec.containers[0].livenessProbe: Required value: must specify a handler type",
        ),
    ],
)
def test_broken_pods_are_refused_in_upstreams_words(spec: JsonObject, message: str) -> None:
    errors = PODS.validate(defaulted(**spec))
    assert [f"{error.field}: {error.detail}" for error in errors] == [message]


def updated(**spec: Any) -> list[str]:
    old, new = defaulted(), defaulted(**spec)
    return [error.field for error in PODS.validate_update(new, old)]


def test_an_update_may_change_images_deadlines_and_add_tolerations() -> None:
    assert updated(containers=[{"name": "web", "image": "nginx", "imagePullPolicy": "Always"}]) == []
    assert updated(activeDeadlineSeconds=5) == []
    assert updated(tolerations=[{"key": "a", "operator": "Exists"}]) == []


def test_an_update_changes_nothing_else() -> None:
    assert updated(nodeName="n1") == ["spec"]
    assert updated(containers=[]) == ["spec.containers", "spec.containers"]


async def test_a_change_of_the_image_raises_the_generation(registry: Registry) -> None:
    store = registry.store("", "pods")
    context = make_system_context("update", store.resource)
    await store.create(context, "default", make_pod())

    def change(obj: JsonObject | None) -> JsonObject:
        assert obj is not None
        obj["spec"]["containers"][0]["image"] = "nginx:2"
        obj["status"] = {"phase": "Running"}
        return obj

    changed, _ = await store.update(context, "default", "web", change)
    assert changed["metadata"]["generation"] == 2
    assert changed["status"]["phase"] == "Pending"


async def test_status_changes_only_by_its_subresource(registry: Registry) -> None:
    store = registry.store("", "pods")
    context = make_system_context("update", store.resource)
    await store.create(context, "default", make_pod())

    def change(obj: JsonObject | None) -> JsonObject:
        assert obj is not None
        obj["spec"]["nodeName"] = "n1"
        obj["status"]["phase"] = "Running"
        return obj

    changed, _ = await store.update(context, "default", "web", change, subresource="status")
    assert changed["status"] == {"phase": "Running", "qosClass": "BestEffort"}
    assert "nodeName" not in changed["spec"]
    assert changed["metadata"]["generation"] == 1


async def test_an_invalid_pod_is_not_stored(registry: Registry) -> None:
    store = registry.store("", "pods")
    with pytest.raises(StatusError, match='Pod "web" is invalid'):
        await store.create(
            make_system_context("create", store.resource),
            "default",
            make_pod(containers=[]),
        )


@pytest.mark.parametrize("kind", ["clusterTrustBundle", "podCertificate"])
def test_projections_of_features_that_are_off_are_left_out(kind: str) -> None:
    sources = [{kind: {"path": "p"}}, {"secret": {"name": "s"}}]
    obj = defaulted(volumes=[{"name": "v", "projected": {"sources": sources}}])
    assert _RESOURCE is not None
    PODS.prepare_for_create(make_system_context("create", _RESOURCE), obj)
    (volume,) = obj["spec"]["volumes"]
    assert [list(source) for source in volume["projected"]["sources"]] == [[], ["secret"]]
