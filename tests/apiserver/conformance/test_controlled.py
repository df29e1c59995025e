"""Entries in which a controller has a part: namespaces that end, endpoints, replica sets."""

from __future__ import annotations

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok, watching
from tests.apiserver.servers import ApiServer
from tests.builders.workloads import build_replica_set

_POD = {"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]}
_NO_KUBELET = "kubelet: pods stay pending"


def root(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}"


def ended(server: ApiServer, namespace: str) -> None:
    """Delete a namespace and wait until it is gone."""
    ok(server, "DELETE", root(namespace))
    eventually(lambda: server.get(root(namespace)).status == 404)


def again(server: ApiServer, namespace: str) -> None:
    ok(server, "POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    eventually(lambda: server.get(f"{root(namespace)}/serviceaccounts/default").status == 200)


@pytest.mark.entry(
    "Namespaces should ensure that all pods are removed when a namespace is deleted", without=_NO_KUBELET
)
def test_namespaces_should_ensure_that_all_pods_are_removed(governed: ApiServer, home: str) -> None:
    ok(governed, "POST", f"{root(home)}/pods", {"metadata": {"name": "test-pod"}, "spec": _POD})
    ended(governed, home)
    again(governed, home)
    assert governed.get(f"{root(home)}/pods/test-pod").status == 404


@pytest.mark.entry("Namespaces should ensure that all services are removed when a namespace is deleted")
def test_namespaces_should_ensure_that_all_services_are_removed(governed: ApiServer, home: str) -> None:
    spec = {"selector": {"foo": "bar"}, "ports": [{"port": 80, "targetPort": 80}]}
    ok(governed, "POST", f"{root(home)}/services", {"metadata": {"name": "test-service"}, "spec": spec})
    ended(governed, home)
    again(governed, home)
    assert governed.get(f"{root(home)}/services/test-service").status == 404


@pytest.mark.entry("OrderedNamespaceDeletion namespace deletion should delete pod first", without=_NO_KUBELET)
def test_ordered_namespace_deletion_should_delete_pod_first(governed: ApiServer, home: str) -> None:
    metadata = {"name": "test-pod", "finalizers": ["e2e.example.com/finalizer"]}
    ok(governed, "POST", f"{root(home)}/pods", {"metadata": metadata, "spec": _POD})
    body = {"metadata": {"name": "test-configmap"}, "data": {"key": "value"}}
    ok(governed, "POST", f"{root(home)}/configmaps", body)
    ok(governed, "DELETE", root(home))

    def processed() -> bool:
        status = ok(governed, "GET", root(home))["status"]
        kinds = {each["type"] for each in status.get("conditions", ())}
        return status["phase"] == "Terminating" and "NamespaceDeletionContentFailure" in kinds

    eventually(processed)
    ok(governed, "GET", f"{root(home)}/configmaps/test-configmap")
    pod = ok(governed, "GET", f"{root(home)}/pods/test-pod")
    assert pod["metadata"]["deletionTimestamp"]
    pod["metadata"]["finalizers"] = []
    ok(governed, "PUT", f"{root(home)}/pods/test-pod", pod)
    eventually(lambda: governed.get(root(home)).status == 404)


def slices(server: ApiServer, namespace: str, service: str) -> list[JsonObject]:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    return list(ok(server, "GET", f"{path}?labelSelector=kubernetes.io/service-name={service}")["items"])


SERVICE: JsonObject = {
    "metadata": {"name": "example-empty-selector"},
    "spec": {
        "selector": {"does-not-match-anything": "endpoints"},
        "ports": [{"name": "example", "port": 80}],
    },
}


@pytest.mark.entry(
    "EndpointSlice should create and delete EndpointSlices for a Service with a selector that matches no pods"
)
def test_endpoint_slices_for_a_selector_that_matches_no_pods(governed: ApiServer, home: str) -> None:
    name = SERVICE["metadata"]["name"]
    ok(governed, "POST", f"{root(home)}/services", SERVICE)
    (found,) = eventually(lambda: slices(governed, home, name))
    managed = found["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"]
    assert managed == "endpointslice-controller.k8s.io"
    assert not found["endpoints"]
    ok(governed, "DELETE", f"{root(home)}/services/{name}")
    eventually(lambda: not slices(governed, home, name))


@pytest.mark.entry(
    "EndpointsController should create and delete Endpoints for a Service with a selector that matches no pods"
)
def test_endpoints_for_a_selector_that_matches_no_pods(governed: ApiServer, home: str) -> None:
    path = f"{root(home)}/endpoints/{SERVICE['metadata']['name']}"
    ok(governed, "POST", f"{root(home)}/services", SERVICE)
    eventually(lambda: governed.get(path).status == 200)
    assert not ok(governed, "GET", path).get("subsets")
    ok(governed, "DELETE", f"{root(home)}/services/{SERVICE['metadata']['name']}")
    eventually(lambda: governed.get(path).status == 404)


@pytest.mark.entry(
    "ReplicaSet should adopt matching pods on creation and release no longer matching pods",
    without=_NO_KUBELET,
)
def test_replica_set_should_adopt_matching_pods_and_release_others(governed: ApiServer, home: str) -> None:
    name = "pod-adoption-release"
    metadata = {"name": name, "labels": {"name": name}}
    ok(governed, "POST", f"{root(home)}/pods", {"metadata": metadata, "spec": _POD})
    sets = f"/apis/apps/v1/namespaces/{home}/replicasets"
    made = ok(
        governed,
        "POST",
        sets,
        build_replica_set(name, labels={"name": name}, metadata={"labels": {"name": name}}, replicas=1),
    )

    def controllers_of() -> list[str]:
        owners = ok(governed, "GET", f"{root(home)}/pods/{name}")["metadata"].get("ownerReferences", [])
        return [each["uid"] for each in owners if each.get("controller")]

    eventually(lambda: controllers_of() == [made["metadata"]["uid"]])
    merge(governed, f"{root(home)}/pods/{name}", {"metadata": {"labels": {"name": "not-matching-name"}}})
    eventually(lambda: controllers_of() == [])


@pytest.mark.entry("ReplicaSet Replace and Patch tests", without=_NO_KUBELET)
def test_replica_set_replace_and_patch(governed: ApiServer, home: str) -> None:
    sets = f"/apis/apps/v1/namespaces/{home}/replicasets"
    labels = {"name": "sample-pod", "pod": "httpd"}
    ok(
        governed,
        "POST",
        sets,
        build_replica_set("test-rs", labels=labels, metadata={"labels": labels}, replicas=1),
    )
    eventually(lambda: ok(governed, "GET", f"{sets}/test-rs").get("status", {}).get("replicas") == 1)

    def pods() -> int:
        return len(ok(governed, "GET", f"{root(home)}/pods?labelSelector=name=sample-pod")["items"])

    assert merge(governed, f"{sets}/test-rs/scale", {"spec": {"replicas": 2}})["spec"]["replicas"] == 2
    eventually(lambda: pods() == 2)
    with watching(governed, sets, labelSelector="test-rs=patched") as watch:
        container = {"name": "c", "image": "registry.k8s.io/pause:3.9"}
        template = {"spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}
        patch = {
            "metadata": {"labels": {"test-rs": "patched"}},
            "spec": {"replicas": 3, "template": template},
        }
        media = "application/strategic-merge-patch+json"
        patched = ok(governed, "PATCH", f"{sets}/test-rs", patch, content_type=media)
        assert patched["spec"]["template"]["spec"]["containers"][0]["image"] == container["image"]
        while watch.next()[1]["status"]["replicas"] != 3:
            pass
    assert pods() == 3


@pytest.mark.entry(
    "ServiceAccounts should run through the lifecycle of a ServiceAccount",
)
def test_accounts_are_listed_by_label_and_deleted_as_a_collection(governed: ApiServer, home: str) -> None:
    path = f"{root(home)}/serviceaccounts"
    label = f"test-serviceaccount-static={home}"
    with watching(governed, "/api/v1/serviceaccounts", labelSelector=label) as watch:
        metadata = {"name": "testserviceaccount", "labels": {"test-serviceaccount-static": home}}
        ok(governed, "POST", path, {"metadata": metadata})
        watch.until("ADDED", "testserviceaccount")
        merge(governed, f"{path}/testserviceaccount", {"automountServiceAccountToken": False})
        assert watch.until("MODIFIED", "testserviceaccount")["automountServiceAccountToken"] is False
        (found,) = ok(governed, "GET", f"/api/v1/serviceaccounts?labelSelector={label}")["items"]
        assert found["metadata"]["namespace"] == home
        ok(governed, "DELETE", f"{path}?labelSelector={label}")
        watch.until("DELETED", "testserviceaccount")


@pytest.mark.entry("Services should find a service from listing all namespaces")
@pytest.mark.entry("API Server should provide secure master service")
@pytest.mark.entry("API Server should have Endpoints and EndpointSlices pointing to API Server")
def test_api_server_has_endpoints_and_endpoint_slices_pointing_to_it(governed: ApiServer) -> None:
    listed = ok(governed, "GET", "/api/v1/services")["items"]
    assert ("default", "kubernetes") in {
        (each["metadata"]["namespace"], each["metadata"]["name"]) for each in listed
    }
    ports = [
        (each["name"], each["port"])
        for each in ok(governed, "GET", f"{root('default')}/services/kubernetes")["spec"]["ports"]
    ]
    assert ports == [("https", 443)]
    eventually(lambda: governed.get(f"{root('default')}/endpoints/kubernetes").status == 200)
    (subset,) = ok(governed, "GET", f"{root('default')}/endpoints/kubernetes")["subsets"]
    addresses = {each["ip"] for each in subset["addresses"]}
    (piece,) = eventually(lambda: slices(governed, "default", "kubernetes"))
    assert {each for endpoint in piece["endpoints"] for each in endpoint["addresses"]} == addresses
    assert (
        {each["port"] for each in piece["ports"]}
        == {each["port"] for each in subset["ports"]}
        == {governed.port}
    )
