"""What updates may change, and what they warn of, where it depends on what was there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.servers import Answer, ApiServer, Etcd
from tests.builders.pods import build_pod

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
ZONE = "failure-domain.beta.kubernetes.io/zone"
REPEATED = '299 - "spec.template.spec.containers[0].env[1]: hides previous definition of \\"A\\", which may be dropped when using apply"'
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def merged(server: ApiServer, path: str, body: Any) -> Answer:
    return server.ask("PATCH", path, body, content_type=MERGE)


def near(*keys: str) -> JsonObject:
    terms = [{"matchExpressions": [{"key": key, "operator": "In", "values": ["a"]}]} for key in keys]
    return {"nodeSelectorTerms": terms}


def test_a_scales_metadata_is_judged(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/replicationcontrollers"
    made = controller([])
    assert server.post(path, made).status == 201
    metadata = {"labels": {"a b": "c"}, "generation": -5, "finalizers": ["x"]}
    answer = merged(server, f"{path}/a/scale", {"metadata": metadata, "spec": {"replicas": -1}})
    told = [cause["field"] for cause in answer.json["details"]["causes"]]
    assert answer.json["details"]["kind"] == "Scale"
    assert told == ["metadata.generation", "metadata.labels", "metadata.finalizers[0]", "spec.replicas"]


def test_a_namespace_of_what_has_none_is_dropped(server: ApiServer) -> None:
    path, body = "/api/v1/nodes", {"metadata": {"name": "placed", "namespace": "default"}}
    made = server.post(path, body)
    assert (made.status, "namespace" in made.json["metadata"]) == (201, False)
    for changed in (
        server.ask("PUT", f"{path}/placed", body),
        server.ask("PUT", f"{path}/placed/status", body),
        merged(server, f"{path}/placed", {"metadata": {"namespace": "default"}}),
    ):
        assert (changed.status, "namespace" in changed.json["metadata"]) == (200, False)


@pytest.mark.parametrize(
    ("query", "key"), [("", "/registry/controllers"), ("?dryRun=All", "/controllers")], ids=["done", "dry"]
)
def test_the_error_for_another_objects_uid_has_the_key(
    server: ApiServer, namespace: str, query: str, key: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/replicationcontrollers"
    body = controller([])
    made = server.post(path, body).json["metadata"]["uid"]
    body["metadata"]["uid"] = "other"
    answer = server.ask("PUT", f"{path}/a{query}", body)
    scale = {"metadata": {"name": "a", "uid": "other"}, "spec": {"replicas": 1}}
    scaled = server.ask("PUT", f"{path}/a/scale{query}", scale)
    assert (answer.status, scaled.status, scaled.json["message"]) == (409, 409, answer.json["message"])
    assert answer.json["message"] == (
        'Operation cannot be fulfilled on replicationcontrollers "a": StorageError: invalid object, Code: 4, '
        f"Key: {key}/{namespace}/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in "
        f"precondition: other, UID in object meta: {made}"
    )


def test_what_webhooks_of_old_have_stays(over_etcd: tuple[Etcd, ApiServer]) -> None:
    etcd, server = over_etcd
    kind = "ValidatingWebhookConfiguration"
    client = {"url": "https://host/path"}
    hook = {"name": "a.b.c", "clientConfig": client, "sideEffects": "Some", "admissionReviewVersions": ["v9"]}
    made = {"name": "of-old", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    old = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": made,
        "webhooks": [hook],
    }
    place = "validatingwebhookconfigurations"
    path = f"/apis/admissionregistration.k8s.io/v1/{place}"
    assert server.post(path, old | {"metadata": {"name": "new"}}).status == 422
    etcd.put(f"/registry/{place}/of-old", json.dumps(old).encode())
    assert merged(server, f"{path}/of-old", {"metadata": {"labels": {"a": "b"}}}).status == 200
    other = merged(server, f"{path}/of-old", {"webhooks": [hook | {"sideEffects": "Other"}]})
    assert other.json["details"]["causes"][0]["message"] == (
        'Unsupported value: "Other": supported values: "None", "NoneOnDryRun", "Some", "Unknown"'
    )


def controller(env: list[JsonObject]) -> JsonObject:
    spec = {"containers": [{"name": "c", "image": "i", "env": env}]}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": spec}
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "a"},
        "spec": {"replicas": 0, "selector": {"a": "b"}, "template": template},
    }


TWICE = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]


def test_a_replication_controllers_update_warns_of_the_template_it_replaces(
    server: ApiServer, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/replicationcontrollers"
    assert server.post(path, controller(TWICE)).warnings == (REPEATED,)
    assert server.ask("PUT", f"{path}/a", controller(TWICE[:1])).warnings == (REPEATED,)
    assert server.ask("PUT", f"{path}/a", controller(TWICE)).warnings == ()


def test_an_update_that_leaves_the_spec_warns_of_no_template(server: ApiServer, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    wanted = controller(TWICE) | {"apiVersion": "apps/v1", "kind": "Deployment"}
    wanted["spec"]["selector"] = {"matchLabels": {"a": "b"}}
    assert server.post(path, wanted).warnings == (REPEATED,)
    assert merged(server, f"{path}/a", {"metadata": {"labels": {"c": "d"}}}).warnings == ()
    assert merged(server, f"{path}/a", {"spec": {"paused": True}}).warnings == (REPEATED,)


def test_items_of_one_key_are_owned_together(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/replicationcontrollers"

    def owned(answer: Answer) -> JsonObject:
        spec = answer.json["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]
        found: JsonObject = spec["f:containers"]['k:{"name":"c"}']["f:env"]
        return found

    key = 'k:{"name":"A"}'
    assert owned(server.post(path, controller(TWICE))) == {".": {}, key: {}}
    single = server.ask("PUT", f"{path}/a", controller(TWICE[:1]))
    assert owned(single) == {".": {}, key: {".": {}, "f:name": {}, "f:value": {}}}
    assert owned(server.ask("PUT", f"{path}/a", controller(TWICE))) == {".": {}, key: {}}


def test_an_empty_scope_of_an_ingress_class_is_none(server: ApiServer, namespace: str) -> None:
    body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": namespace},
        "spec": {"controller": "a.io/b", "parameters": {"kind": "K", "name": "n", "scope": ""}},
    }
    refused = server.post("/apis/networking.k8s.io/v1/ingressclasses", body).json
    assert refused["details"]["causes"] == [
        {
            "reason": "FieldValueNotSupported",
            "message": 'Unsupported value: "": supported values: "Cluster", "Namespace"',
            "field": "spec.parameters.scope",
        }
    ]


@pytest.mark.parametrize(("key", "code"), [("topology.kubernetes.io/zone", 200), ("another", 422)])
def test_a_volumes_node_label_may_be_replaced_by_its_successor(
    server: ApiServer, namespace: str, key: str, code: int
) -> None:
    path = "/api/v1/persistentvolumes"
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "local": {"path": "/a"},
        "nodeAffinity": {"required": near(ZONE)},
    }
    made = server.post(path, {"kind": "PersistentVolume", "metadata": {"name": namespace}, "spec": spec})
    where = "spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key"
    text = f'{where}: {ZONE} is deprecated since v1.17; use \\"topology.kubernetes.io/zone\\" instead'
    assert made.warnings == (f'299 - "{text}"',)
    changed = merged(server, f"{path}/{namespace}", {"spec": {"nodeAffinity": {"required": near(key)}}})
    assert (changed.status, changed.warnings) == (code, ())


def test_a_volumes_deprecated_parts_are_warned_of(server: ApiServer, namespace: str) -> None:
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "rbd": {"monitors": ["m"], "image": "i"},
        "persistentVolumeReclaimPolicy": "Recycle",
    }
    body = {"kind": "PersistentVolume", "metadata": {"name": namespace}, "spec": spec}
    warned = server.post("/api/v1/persistentvolumes?dryRun=All", body).warnings
    assert [each[7:60] for each in warned] == [
        "spec.persistentVolumeReclaimPolicy: The Recycle recla",
        "spec.rbd: deprecated in v1.28, non-functional in v1.3",
    ]


def test_an_unknown_selinux_change_policy_is_rejected_with_the_supported_values(
    server: ApiServer, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    server.post(path, build_pod("a", securityContext={"seLinuxChangePolicy": "Recursive"}))
    refused = merged(server, f"{path}/a", {"spec": {"securityContext": {"seLinuxChangePolicy": "Bad"}}})
    cause = refused.json["details"]["causes"][0]
    assert cause["message"] == 'Unsupported value: "Bad": supported values: "MountOption", "Recursive"'


def test_a_gated_pods_affinity_comes_with_a_node_affinity_only(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    server.post(path, build_pod("a", schedulingGates=[{"name": "a.io/b"}]))
    refused = merged(server, f"{path}/a", {"spec": {"affinity": {}}})
    assert '+ "affinity": {}' in refused.json["message"]
    taken = merged(server, f"{path}/a", {"spec": {"affinity": {"nodeAffinity": {REQUIRED: near("a")}}}})
    assert taken.status == 200
    emptied: JsonObject = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}
    causes = merged(server, f"{path}/a", {"spec": {"affinity": emptied}}).json["details"]["causes"]
    text = "Invalid value: []: no additions/deletions to non-empty NodeSelectorTerms list are allowed"
    assert causes[1]["message"] == text
