"""Pods as objects; what a kubelet and a scheduler would write stands in the tests themselves."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import merge, ok, watching
from tests.apiserver.servers import ApiServer
from tests.builders.pods import build_pod

STRATEGIC = "application/strategic-merge-patch+json"
IMAGE = "registry.k8s.io/pause:3.10"
WRITTEN = "kubelet and scheduler: the test binds and writes the status"
NOW = "2024-01-01T00:00:00Z"


def pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def run(server: ApiServer, namespace: str, name: str, node: str = "n1") -> JsonObject:
    """Bind a pod and say that it runs."""
    target = {"metadata": {"name": name}, "target": {"kind": "Node", "name": node}}
    ok(server, "POST", f"{pods(namespace)}/{name}/binding", target)
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": NOW}
        for kind in ("PodScheduled", "Initialized", "Ready", "ContainersReady")
    ]
    status = {"phase": "Running", "conditions": conditions, "startTime": NOW}
    return merge(server, f"{pods(namespace)}/{name}/status", {"status": status})


@pytest.mark.entry("Pods should run through the lifecycle of Pods and PodStatus", without=WRITTEN)
def test_pods_should_run_through_the_lifecycle_of_pods_and_pod_status(
    server: ApiServer, namespace: str
) -> None:
    path = pods(namespace)
    label = "labelSelector=test-pod-static=true"
    version = ok(server, "GET", f"/api/v1/pods?{label}")["metadata"]["resourceVersion"]
    body = build_pod("pod-test", labels={"test-pod-static": "true"}, terminationGracePeriodSeconds=1)
    ok(server, "POST", path, body)
    with watching(server, path, labelSelector="test-pod-static=true", resourceVersion=version) as watch:
        watch.until("ADDED", "pod-test")
        running = run(server, namespace, "pod-test")
        while watch.until("MODIFIED", "pod-test").get("status", {}).get("phase") != "Running":
            pass
        patch = {
            "metadata": {"labels": {"test-pod": "patched"}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "c", "image": "registry.k8s.io/pause:3.9"}],
            },
        }
        ok(server, "PATCH", f"{path}/pod-test", patch, content_type=STRATEGIC)
        watch.until("MODIFIED", "pod-test")
        found = ok(server, "GET", f"{path}/pod-test")
        assert found["metadata"]["labels"]["test-pod"] == "patched"
        assert found["spec"]["containers"][0]["image"] == "registry.k8s.io/pause:3.9"
        assert int(found["metadata"]["resourceVersion"]) > int(running["metadata"]["resourceVersion"])
        status = ok(server, "GET", f"{path}/pod-test/status")
        ready = [each for each in status["status"]["conditions"] if each["type"].endswith("Ready")]
        assert [each["status"] for each in ready] == ["True", "True"]
        for each in ready:
            each["status"] = "False"
        updated = ok(server, "PUT", f"{path}/pod-test/status", status)
        conditions = {each["type"]: each["status"] for each in updated["status"]["conditions"]}
        assert (conditions["Ready"], conditions["ContainersReady"]) == ("False", "False")
        ok(server, "DELETE", f"{path}?{label}", {"gracePeriodSeconds": 1})
        going = ok(server, "GET", f"{path}/pod-test")["metadata"]
        assert (going["deletionGracePeriodSeconds"], bool(going["deletionTimestamp"])) == (1, True)
        ok(server, "DELETE", f"{path}/pod-test?gracePeriodSeconds=0")
        watch.until("DELETED", "pod-test")
    assert server.get(f"{path}/pod-test").status == 404


@pytest.mark.entry("Pods should be submitted and removed", without=WRITTEN)
def test_pods_should_be_submitted_and_removed(server: ApiServer, namespace: str) -> None:
    path = pods(namespace)
    listed = ok(server, "GET", f"{path}?labelSelector=time=1")
    assert listed["items"] == []
    version = listed["metadata"]["resourceVersion"]
    with watching(server, path, labelSelector="time=1", resourceVersion=version) as watch:
        ok(server, "POST", path, build_pod("p", labels={"time": "1"}))
        assert len(ok(server, "GET", f"{path}?labelSelector=time=1")["items"]) == 1
        watch.until("ADDED", "p")
        run(server, namespace, "p")
        deleted = ok(server, "DELETE", f"{path}/p")
        assert deleted["metadata"]["deletionGracePeriodSeconds"] == 30
        ok(server, "DELETE", f"{path}/p?gracePeriodSeconds=0")
        last = watch.until("DELETED", "p")
        assert last["metadata"]["deletionTimestamp"]
    assert ok(server, "GET", f"{path}?labelSelector=time=1")["items"] == []


@pytest.mark.entry("Pods should be updated", without=WRITTEN)
def test_pods_should_be_updated(server: ApiServer, namespace: str) -> None:
    path = pods(namespace)
    ok(server, "POST", path, build_pod("p", labels={"time": "1"}))
    found = run(server, namespace, "p")
    found["metadata"]["labels"]["time"] = "2"
    ok(server, "PUT", f"{path}/p", found)
    assert len(ok(server, "GET", f"{path}?labelSelector=time=2")["items"]) == 1
    assert ok(server, "GET", f"{path}?labelSelector=time=1")["items"] == []


@pytest.mark.entry("Pods should allow activeDeadlineSeconds to be updated", without=WRITTEN)
def test_pods_should_allow_active_deadline_seconds_to_be_updated(server: ApiServer, namespace: str) -> None:
    path = pods(namespace)
    ok(server, "POST", path, build_pod())
    found = run(server, namespace, "p")
    found["spec"]["activeDeadlineSeconds"] = 5
    assert ok(server, "PUT", f"{path}/p", found)["spec"]["activeDeadlineSeconds"] == 5
    longer = server.ask("PATCH", f"{path}/p", {"spec": {"activeDeadlineSeconds": 6}}, content_type=STRATEGIC)
    assert (longer.status, longer.json["details"]["causes"][0]["field"]) == (
        422,
        "spec.activeDeadlineSeconds",
    )
    failed = {"status": {"phase": "Failed", "reason": "DeadlineExceeded"}}
    assert merge(server, f"{path}/p/status", failed)["status"]["reason"] == "DeadlineExceeded"


@pytest.mark.entry("Pods should patch a pod status", without=WRITTEN)
def test_pods_should_patch_a_pod_status(server: ApiServer, namespace: str) -> None:
    path = pods(namespace)
    label = f"podname={namespace}"
    ok(server, "POST", path, build_pod("p", labels={"podname": namespace}))
    before = run(server, namespace, "p")
    assert len(ok(server, "GET", f"/api/v1/pods?labelSelector={label}")["items"]) == 1
    patch = {"status": {"message": "Patched by e2e test", "reason": "E2E"}}
    patched = ok(server, "PATCH", f"{path}/p/status", patch, content_type=STRATEGIC)
    assert patched["status"] == {**before["status"], **patch["status"]}
    assert patched["spec"] == before["spec"]


@pytest.mark.entry(
    "Pods Extended (pod generation) Pod Generation pod generation should start at 1 and increment per update",
    without=WRITTEN,
)
def test_pod_generation_should_start_at_1_and_increment_per_update(server: ApiServer, namespace: str) -> None:
    path = f"{pods(namespace)}/p"
    body = build_pod(initContainers=[{"name": "i", "image": IMAGE}])
    assert ok(server, "POST", pods(namespace), body)["metadata"]["generation"] == 1
    foo = {"key": "foo", "operator": "Equal", "value": "bar", "effect": "NoSchedule"}
    expected = run(server, namespace, "p")["metadata"]["generation"]
    assert expected == 1
    for change, bumps in (
        ({}, 0),
        ({"spec": {"tolerations": [foo]}}, 1),
        ({"spec": {"activeDeadlineSeconds": 5000}}, 1),
        ({"spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}, 1),
        ({"spec": {"initContainers": [{"name": "i", "image": "nginx:1"}]}}, 1),
        ({"metadata": {"annotations": {"key": "value"}}}, 0),
        ({"metadata": {"generation": 1}}, 0),
    ):
        expected += bumps
        patched = ok(server, "PATCH", path, change, content_type=STRATEGIC)
        assert patched["metadata"]["generation"] == expected, change
    observed = merge(server, f"{path}/status", {"status": {"observedGeneration": expected}})
    assert (observed["metadata"]["generation"], observed["status"]["observedGeneration"]) == (expected,) * 2


@pytest.mark.entry(
    "Pods Extended (pod generation) Pod Generation custom-set generation on new pods and graceful delete",
    without=WRITTEN,
)
def test_pod_generation_custom_set_generation_on_new_pods_and_graceful_delete(
    server: ApiServer, namespace: str
) -> None:
    path = f"{pods(namespace)}/p"
    body = build_pod()
    body["metadata"]["generation"] = 100
    assert ok(server, "POST", pods(namespace), body)["metadata"]["generation"] == 1
    assert run(server, namespace, "p")["metadata"]["generation"] == 1
    deleted = ok(server, "DELETE", f"{path}?gracePeriodSeconds=60")
    assert deleted["metadata"]["deletionGracePeriodSeconds"] == 60
    assert ok(server, "GET", path)["metadata"]["generation"] == 2


@pytest.mark.entry(
    "Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits "
    "for memory and cpu"
)
def test_qos_class_should_be_set_on_pods_with_matching_resource_requests_and_limits(
    server: ApiServer, namespace: str
) -> None:
    body = build_pod()
    sizes = {"cpu": "100m", "memory": "100Mi"}
    body["spec"]["containers"][0]["resources"] = {"requests": sizes, "limits": sizes}
    ok(server, "POST", pods(namespace), body)
    assert ok(server, "GET", f"{pods(namespace)}/p")["status"]["qosClass"] == "Guaranteed"


@pytest.mark.entry(
    "Ephemeral Containers should update the ephemeral containers in an existing pod", without=WRITTEN
)
def test_ephemeral_containers_should_be_updated_in_an_existing_pod(server: ApiServer, namespace: str) -> None:
    ok(server, "POST", pods(namespace), build_pod())
    run(server, namespace, "p")
    path = f"{pods(namespace)}/p/ephemeralcontainers"

    def debugger(name: str) -> JsonObject:
        return {"name": name, "image": IMAGE, "terminationMessagePolicy": "File", "imagePullPolicy": "Always"}

    patch = {"spec": {"ephemeralContainers": [debugger("debugger")]}}
    ok(server, "PATCH", path, patch, content_type=STRATEGIC)
    found = ok(server, "GET", path)
    assert [each["name"] for each in found["spec"]["ephemeralContainers"]] == ["debugger"]
    found["spec"]["ephemeralContainers"].append(debugger("debugger2"))
    ok(server, "PUT", path, found)
    found = ok(server, "GET", f"{pods(namespace)}/p")
    names = [each["name"] for each in found["spec"]["ephemeralContainers"]]
    assert names == ["debugger", "debugger2"]
    refused = server.ask("PATCH", f"{pods(namespace)}/p", {"spec": {"ephemeralContainers": None}},
                         content_type="application/merge-patch+json")  # fmt: skip
    assert refused.status == 422


@pytest.mark.entry("Sysctls should reject invalid sysctls")
def test_sysctls_should_reject_invalid_sysctls(server: ApiServer, namespace: str) -> None:
    names = ("foo-", "kernel.shmmax", "safe-and-unsafe", "bar..")
    sysctls = [{"name": name, "value": "100000000"} for name in names]
    refused = server.post(pods(namespace), build_pod(securityContext={"sysctls": sysctls}))
    assert refused.status == 422
    for number, name in ((0, "foo-"), (3, "bar..")):
        at = f'spec.securityContext.sysctls[{number}].name: Invalid value: "{name}"'
        assert at in refused.json["message"]
    for good in ("kernel.shmmax", "safe-and-unsafe"):
        assert f'Invalid value: "{good}"' not in refused.json["message"]


@pytest.mark.entry("CSIInlineVolumes should support CSIVolumeSource in Pod API")
def test_csi_inline_volumes_should_support_csi_volume_source_in_pod_api(
    server: ApiServer, namespace: str
) -> None:
    path = pods(namespace)
    body = build_pod(
        "p", labels={"csi": namespace}, volumes=[{"name": "v", "csi": {"driver": "e2e.example.com"}}]
    )
    ok(server, "POST", path, body)
    found = ok(server, "GET", f"{path}/p")
    assert found["spec"]["volumes"][0]["csi"]["driver"] == "e2e.example.com"
    assert len(ok(server, "GET", f"{path}?labelSelector=csi={namespace}")["items"]) == 1
    patch = {"metadata": {"labels": {"e2e": "patched"}}}
    assert ok(server, "PATCH", f"{path}/p", patch, content_type=STRATEGIC)["metadata"]["labels"]["e2e"]
    ok(server, "DELETE", f"{path}/p?gracePeriodSeconds=0")
    assert server.get(f"{path}/p").status == 404


def runtime_class(server: ApiServer, namespace: str, **more: Any) -> str:
    name = f"rc-{namespace}"
    body = {"metadata": {"name": name}, "handler": "test-handler", **more}
    ok(server, "POST", "/apis/node.k8s.io/v1/runtimeclasses", body)
    return name


def rejected(server: ApiServer, namespace: str, name: str) -> None:
    refused = server.post(pods(namespace), build_pod(runtimeClassName=name))
    assert (refused.status, refused.json["reason"]) == (403, "Forbidden")
    assert f'RuntimeClass "{name}" not found' in refused.json["message"]


@pytest.mark.entry("RuntimeClass should reject a Pod requesting a non-existent RuntimeClass")
def test_runtime_class_should_reject_a_pod_requesting_a_non_existent_one(
    server: ApiServer, namespace: str
) -> None:
    rejected(server, namespace, f"{namespace}-nonexistent")


@pytest.mark.entry("RuntimeClass should reject a Pod requesting a deleted RuntimeClass")
def test_runtime_class_should_reject_a_pod_requesting_a_deleted_one(
    server: ApiServer, namespace: str
) -> None:
    name = runtime_class(server, namespace)
    ok(server, "DELETE", f"/apis/node.k8s.io/v1/runtimeclasses/{name}")
    rejected(server, namespace, name)


@pytest.mark.entry(
    "RuntimeClass should schedule a Pod requesting a RuntimeClass without PodOverhead", without="scheduler"
)
def test_runtime_class_without_pod_overhead(server: ApiServer, namespace: str) -> None:
    name = runtime_class(server, namespace)
    assert "overhead" not in ok(server, "POST", pods(namespace), build_pod(runtimeClassName=name))["spec"]


@pytest.mark.entry(
    "RuntimeClass should schedule a Pod requesting a RuntimeClass and initialize its Overhead",
    without="scheduler",
)
def test_runtime_class_should_initialize_a_pods_overhead(server: ApiServer, namespace: str) -> None:
    fixed = {"cpu": "10m", "memory": "1Mi"}
    name = runtime_class(server, namespace, overhead={"podFixed": fixed})
    assert ok(server, "POST", pods(namespace), build_pod(runtimeClassName=name))["spec"]["overhead"] == fixed
