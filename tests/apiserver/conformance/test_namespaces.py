"""Namespaces as objects; what empties them is a controller's."""

from __future__ import annotations

import pytest

from tests.apiserver.conformance.calls import merge, ok
from tests.apiserver.servers import ApiServer


@pytest.mark.entry("Namespaces should patch a Namespace")
def test_namespaces_should_patch_a_namespace(server: ApiServer, namespace: str) -> None:
    merge(server, f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {"testLabel": "testValue"}}})
    found = ok(server, "GET", f"/api/v1/namespaces/{namespace}")
    assert found["metadata"]["labels"]["testLabel"] == "testValue"


@pytest.mark.entry("Namespaces should apply an update to a Namespace")
def test_namespaces_should_apply_an_update_to_a_namespace(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    found = ok(server, "GET", path)
    found["metadata"]["labels"][namespace] = "updated"
    assert ok(server, "PUT", path, found)["metadata"]["labels"][namespace] == "updated"


@pytest.mark.entry("Namespaces should apply changes to a namespace status")
def test_namespaces_should_apply_changes_to_a_namespace_status(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/status"
    condition = {
        "type": "StatusPatch",
        "status": "True",
        "reason": "E2E",
        "message": "Patched by an e2e test",
    }
    patched = merge(server, path, {"status": {"conditions": [condition]}})
    assert patched["status"]["conditions"][0]["type"] == "StatusPatch"
    patched["status"]["conditions"].append(condition | {"type": "StatusUpdate"})
    updated = ok(server, "PUT", path, patched)
    assert {each["type"] for each in updated["status"]["conditions"]} == {"StatusPatch", "StatusUpdate"}


@pytest.mark.entry("Namespaces should apply a finalizer to a Namespace")
def test_namespaces_should_apply_a_finalizer_to_a_namespace(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    found = ok(server, "GET", path)
    fake = "e2e.example.com/fakeFinalizer"
    found["spec"]["finalizers"].append(fake)
    assert fake in ok(server, "PUT", f"{path}/finalize", found)["spec"]["finalizers"]
    found = ok(server, "GET", path)
    found["spec"]["finalizers"].remove(fake)
    assert ok(server, "PUT", f"{path}/finalize", found)["spec"]["finalizers"] == ["kubernetes"]


@pytest.mark.entry("Services should complete a service status lifecycle")
def test_services_should_complete_a_service_status_lifecycle(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/services"
    ok(
        server,
        "POST",
        path,
        {"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}},
    )
    ingress = [{"ip": "203.0.113.1"}]
    patched = merge(server, f"{path}/s/status", {"status": {"loadBalancer": {"ingress": ingress}}})
    assert patched["status"]["loadBalancer"]["ingress"][0]["ip"] == "203.0.113.1"
    patched["status"]["conditions"] = [
        {
            "type": "StatusUpdate",
            "status": "True",
            "reason": "E2E",
            "message": "Set from e2e test",
            "lastTransitionTime": "2024-01-01T00:00:00Z",
        }
    ]
    updated = ok(server, "PUT", f"{path}/s/status", patched)
    assert updated["status"]["conditions"][0]["type"] == "StatusUpdate"
    assert merge(server, f"{path}/s", {"metadata": {"labels": {"a": "b"}}})["status"] == updated["status"]
    ok(server, "DELETE", f"{path}/s")
    assert server.get(f"{path}/s").status == 404
