"""Config maps, secrets, templates, budgets, volumes and nodes as objects."""

from __future__ import annotations

import base64
import functools

import pytest

from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.servers import ApiServer

_TEMPLATE = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"containers": [{"name": "nginx", "image": "registry.k8s.io/pause:3.10"}]},
}


def of(namespace: str, plural: str) -> str:
    return f"/api/v1/namespaces/{namespace}/{plural}"


@pytest.mark.parametrize(
    ("plural", "value"),
    [
        pytest.param(
            "configmaps",
            "value-1",
            marks=pytest.mark.entry("ConfigMap should fail to create ConfigMap with empty key"),
        ),
        pytest.param(
            "secrets",
            base64.b64encode(b"value-1\n").decode(),
            marks=pytest.mark.entry("Secrets should fail to create secret due to empty secret key"),
        ),
    ],
)
def test_an_empty_key_is_refused(server: ApiServer, namespace: str, plural: str, value: str) -> None:
    refused = server.post(of(namespace, plural), {"metadata": {"name": "a"}, "data": {"": value}})
    assert (refused.status, refused.json["reason"]) == (422, "Invalid")
    assert [each["field"] for each in refused.json["details"]["causes"]] == ["data[]"]


@pytest.mark.parametrize(
    ("plural", "values"),
    [
        pytest.param(
            "configmaps",
            ("value-1", "value-2"),
            marks=pytest.mark.entry("ConfigMap should be immutable if `immutable` field is set"),
        ),
        pytest.param(
            "secrets",
            ("YQ==", "Yg=="),
            marks=pytest.mark.entry("Secrets should be immutable if `immutable` field is set"),
        ),
    ],
)
def test_should_be_immutable_if_the_field_is_set(
    server: ApiServer, namespace: str, plural: str, values: tuple[str, str]
) -> None:
    path = f"{of(namespace, plural)}/immutable"
    body = {"metadata": {"name": "immutable"}, "data": {"data-1": values[0]}}
    current = ok(server, "POST", of(namespace, plural), body)
    current["data"]["data-4"] = values[1]
    current = ok(server, "PUT", path, current)
    current["immutable"] = True
    current = ok(server, "PUT", path, current)
    for change, field in (
        ({"data": current["data"] | {"data-5": values[1]}}, "data"),
        ({"immutable": False}, "immutable"),
    ):
        refused = server.ask("PUT", path, current | change)
        assert refused.status == 422
        assert field in {each["field"] for each in refused.json["details"]["causes"]}
    current["metadata"]["labels"] = {"label1": "value1"}
    assert ok(server, "PUT", path, current)["metadata"]["labels"] == {"label1": "value1"}
    ok(server, "DELETE", path)
    assert ok(server, "POST", of(namespace, plural), body)["data"] == body["data"]


@pytest.mark.entry("Secrets should patch a secret")
def test_secrets_should_patch_a_secret(server: ApiServer, namespace: str) -> None:
    label = "testsecret-constant=true"
    metadata = {"name": "test-secret", "labels": {"testsecret-constant": "true"}}
    body = {"metadata": metadata, "data": {"key": "dmFsdWU="}, "type": "Opaque"}
    ok(server, "POST", of(namespace, "secrets"), body)
    listed = ok(server, "GET", f"/api/v1/secrets?labelSelector={label}")["items"]
    assert [each["metadata"]["name"] for each in listed] == ["test-secret"]
    value = base64.b64encode(b"value1").decode()
    patch = {"metadata": {"labels": {"testsecret": "true"}}, "data": {"key": value}}
    path = f"{of(namespace, 'secrets')}/test-secret"
    ok(server, "PATCH", path, patch, content_type="application/strategic-merge-patch+json")
    (found,) = ok(server, "GET", "/api/v1/secrets?labelSelector=testsecret=true")["items"]
    assert (found["data"]["key"], found["type"]) == (value, "Opaque")
    ok(server, "DELETE", f"{of(namespace, 'secrets')}?labelSelector=testsecret=true")
    assert ok(server, "GET", f"/api/v1/secrets?labelSelector={label}")["items"] == []


@pytest.mark.entry("PodTemplates should replace a pod template")
def test_pod_templates_should_replace_a_pod_template(server: ApiServer, namespace: str) -> None:
    path = of(namespace, "podtemplates")
    made = ok(server, "POST", path, {"metadata": {"name": "e2e"}, "template": _TEMPLATE})
    made["metadata"]["annotations"] = {"updated": "true"}
    assert ok(server, "PUT", f"{path}/e2e", made)["metadata"]["annotations"] == {"updated": "true"}


def _create_volume_and_claim(server: ApiServer, namespace: str, number: int) -> tuple[str, str]:
    """Create a volume and a claim of a class of their own; return their paths."""
    labels, storage_class = {"e2e": namespace}, f"{namespace}-{number}"
    volume = {
        "capacity": {"storage": "3Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "csi": {"driver": "e2e.example.com", "volumeHandle": "e2e-conformance"},
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    created = []
    for path, spec, protection in (
        ("/api/v1/persistentvolumes", volume, "kubernetes.io/pv-protection"),
        (of(namespace, "persistentvolumeclaims"), claim, "kubernetes.io/pvc-protection"),
    ):
        body = {
            "metadata": {"generateName": "v-", "labels": labels},
            "spec": spec | {"storageClassName": storage_class},
        }
        item = ok(server, "POST", path, body)
        assert item["metadata"]["finalizers"] == [protection]
        assert item["status"]["phase"] == "Pending"
        selected = ok(server, "GET", f"{path}?labelSelector=e2e={namespace}")["items"]
        assert [each["metadata"]["uid"] for each in selected] == [item["metadata"]["uid"]]
        created.append(f"{path}/{item['metadata']['name']}")
    return created[0], created[1]


def _is_gone(server: ApiServer, path: str) -> bool:
    return server.get(path).status == 404


def _is_bound(server: ApiServer, path: str) -> bool:
    return bool(ok(server, "GET", path)["status"]["phase"] == "Bound")


@pytest.mark.entry("PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC")
def test_persistent_volumes_lifecycle_of_a_pv_and_a_pvc(governed: ApiServer, home: str) -> None:
    volume, claim = _create_volume_and_claim(governed, home, 1)
    for item in (volume, claim):
        eventually(functools.partial(_is_bound, governed, item))
        name = item.rpartition("/")[2]
        assert merge(governed, item, {"metadata": {"labels": {name: "patched"}}})["metadata"]["labels"][name]
    for item in (claim, volume):
        assert ok(governed, "DELETE", item)["metadata"]["deletionTimestamp"]
        eventually(functools.partial(_is_gone, governed, item))
    volume, claim = _create_volume_and_claim(governed, home, 2)
    for item in (volume, claim):
        eventually(functools.partial(_is_bound, governed, item))
        name = item.rpartition("/")[2]
        current = ok(governed, "GET", item)
        current["metadata"]["labels"][name] = "updated"
        assert ok(governed, "PUT", item, current)["metadata"]["labels"][name] == "updated"
    for item in (claim, volume):
        collection = item.rpartition("/")[0]
        ok(governed, "DELETE", f"{collection}?labelSelector={item.rpartition('/')[2]}=updated")
        eventually(functools.partial(_is_gone, governed, item))


@pytest.mark.entry("ConfigMap should update ConfigMap successfully")
def test_config_map_should_be_updated(server: ApiServer, namespace: str) -> None:
    path = of(namespace, "configmaps")
    made = ok(server, "POST", path, {"metadata": {"name": "a"}, "data": {"data": "value"}})
    made["data"] = {"data": "value-2"}
    ok(server, "PUT", f"{path}/a", made)
    assert ok(server, "GET", f"{path}/a")["data"] == {"data": "value-2"}
