"""Who owns which field, over versions, subresources and ways of writing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.servers import Answer, ApiServer
from tests.builders.workloads import build_deployment

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def patch(server: ApiServer, path: str, manager: str, body: Any, kind: str = MERGE, more: str = "") -> Answer:
    return server.ask("PATCH", f"{path}?fieldManager={manager}{more}", body, content_type=kind)


def owners(obj: JsonObject) -> dict[tuple[str, str], JsonObject]:
    """FieldsV1 by manager and version."""
    entries = obj["metadata"].get("managedFields") or ()
    return {(each["manager"], each["apiVersion"]): each["fieldsV1"] for each in entries}


def autoscaler(version: str, **spec: Any) -> JsonObject:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    return {
        "apiVersion": f"autoscaling/{version}",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "a"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 5, **spec},
    }


def cpu(utilization: int) -> JsonObject:
    target = {"type": "Utilization", "averageUtilization": utilization}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def autoscalers(version: str, namespace: str) -> str:
    return f"/apis/autoscaling/{version}/namespaces/{namespace}/horizontalpodautoscalers"


@pytest.fixture
def made(server: ApiServer, namespace: str) -> str:
    """The path of a deployment with one replica."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    assert server.post(f"{path}?fieldManager=maker", build_deployment("a", replicas=1)).status == 201
    return f"{path}/a"


def test_fields_are_owned_in_the_version_that_the_client_used(server: ApiServer, namespace: str) -> None:
    flat, nested = autoscalers("v1", namespace), autoscalers("v2", namespace)
    server.post(f"{flat}?fieldManager=one", autoscaler("v1", targetCPUUtilizationPercentage=50))
    assert owners(server.get(f"{nested}/a").json) == {
        ("one", "autoscaling/v1"): {
            "f:spec": {
                "f:maxReplicas": {},
                "f:minReplicas": {},
                "f:scaleTargetRef": {},
                "f:targetCPUUtilizationPercentage": {},
            }
        }
    }
    changed = patch(server, f"{nested}/a", "two", {"spec": {"metrics": [cpu(60)]}}).json
    assert owners(changed) == {
        ("one", "autoscaling/v1"): {
            "f:spec": {"f:maxReplicas": {}, "f:minReplicas": {}, "f:scaleTargetRef": {}}
        },
        ("two", "autoscaling/v2"): {"f:spec": {"f:metrics": {}}},
    }


def test_who_applies_in_another_version_meets_owners_in_theirs(server: ApiServer, namespace: str) -> None:
    flat, nested = f"{autoscalers('v1', namespace)}/a", f"{autoscalers('v2', namespace)}/a"
    patch(server, nested, "two", autoscaler("v2", metrics=[cpu(60)]), APPLY)
    wanted = autoscaler("v1", targetCPUUtilizationPercentage=50)
    refused = patch(server, flat, "one", wanted, APPLY)
    assert (refused.status, refused.json["message"]) == (
        409,
        'Apply failed with 1 conflict: conflict with "two": .spec.metrics',
    )
    forced = patch(server, flat, "one", wanted, APPLY, "&force=true")
    fields = owners(forced.json)
    assert "f:metrics" not in fields["two", "autoscaling/v2"]["f:spec"]
    assert "f:targetCPUUtilizationPercentage" in fields["one", "autoscaling/v1"]["f:spec"]


def test_what_is_applied_no_more_goes_in_another_version_too(server: ApiServer, namespace: str) -> None:
    flat, nested = f"{autoscalers('v1', namespace)}/a", f"{autoscalers('v2', namespace)}/a"
    patch(server, nested, "me", autoscaler("v2", minReplicas=3, metrics=[cpu(60)]), APPLY)
    moved = patch(server, flat, "me", autoscaler("v1", targetCPUUtilizationPercentage=60), APPLY).json
    assert moved["spec"]["minReplicas"] == 1, "the default is back"
    assert list(owners(moved)) == [("me", "autoscaling/v1")]


def test_an_apply_in_another_version_that_changes_nothing_leaves_the_order_of_metrics(
    server: ApiServer, namespace: str
) -> None:
    memory = cpu(60)
    memory["resource"]["name"] = "memory"
    nested = autoscalers("v2", namespace)
    server.post(nested, autoscaler("v2", metrics=[cpu(50), memory]))
    wanted = autoscaler("v1", targetCPUUtilizationPercentage=50)
    assert patch(server, f"{autoscalers('v1', namespace)}/a", "me", wanted, APPLY).status == 200
    found = server.get(f"{nested}/a").json["spec"]["metrics"]
    assert [each["resource"]["name"] for each in found] == ["cpu", "memory"]


def test_owners_of_an_event_stay_within_one_group(server: ApiServer, namespace: str) -> None:
    core = f"/api/v1/namespaces/{namespace}/events"
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "a", "namespace": namespace},
        "involvedObject": {"kind": "Pod", "namespace": namespace, "name": "p"},
        "reason": "R",
        "message": "M",
        "type": "Normal",
    }
    server.post(f"{core}?fieldManager=one", event)
    path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/a"
    changed = patch(server, path, "two", {"metadata": {"labels": {"a": "b"}}}).json
    assert owners(changed) == {
        ("two", "events.k8s.io/v1"): {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}}
    }
    assert "reportingController" not in changed, "an empty one is core/v1's alone"


@pytest.mark.parametrize("given", [[], [{}]], ids=["none", "an empty one"])
def test_a_client_may_say_that_nobody_owns_anything(
    server: ApiServer, made: str, given: list[JsonObject]
) -> None:
    cleared = patch(server, made, "me", {"metadata": {"managedFields": given}, "spec": {"paused": True}}).json
    assert "managedFields" not in cleared["metadata"]
    later = patch(server, made, "me", {"spec": {"paused": False}}).json
    assert "managedFields" not in later["metadata"], "it begins with the first apply"
    refused = patch(server, made, "applier", build_deployment("a", replicas=2), APPLY)
    assert '"before-first-apply" using apps/v1: .spec.replicas' in refused.json["message"]


def test_owners_in_versions_that_are_not_served_are_forgotten(server: ApiServer, made: str) -> None:
    entry = {"manager": "old", "operation": "Update", "apiVersion": "apps/v1beta1", "fieldsType": "FieldsV1"}
    entry["fieldsV1"] = {"f:spec": {"f:replicas": {}}}  # type: ignore[assignment]
    body = {"metadata": {"managedFields": [entry]}, "spec": {"paused": True}}
    assert list(owners(patch(server, made, "me", body).json)) == [("me", "apps/v1")]


def test_what_is_owned_within_an_atomic_field_becomes_the_field(server: ApiServer, made: str) -> None:
    entry = {"manager": "old", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1"}
    entry["fieldsV1"] = {"f:spec": {"f:selector": {"f:matchLabels": {"f:a": {}}}}}  # type: ignore[assignment]
    body = {"metadata": {"managedFields": [entry]}}
    assert owners(patch(server, made, "me", body).json)["old", "apps/v1"] == {"f:spec": {"f:selector": {}}}


def test_an_owners_name_has_a_length(server: ApiServer, made: str) -> None:
    entry = {"manager": "g" * 129, "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1"}
    entry["fieldsV1"] = {"f:spec": {"f:paused": {}}}  # type: ignore[assignment]
    refused = patch(server, made, "me", {"metadata": {"managedFields": [entry]}})
    assert (refused.status, refused.json["details"]["causes"][0]) == (
        422,
        {
            "reason": "FieldValueTooLong",
            "message": "Too long: may not be more than 128 bytes",
            "field": "metadata.managedFields[0].manager",
        },
    )


def test_a_write_owns_nothing_of_what_it_cannot_change(server: ApiServer, made: str) -> None:
    everything = {
        "metadata": {"labels": {"no": "no"}},
        "spec": {"replicas": 9},
        "status": {"observedGeneration": 1},
    }
    shown = patch(server, f"{made}/status", "status", everything).json
    assert owners(shown)["status", "apps/v1"] == {"f:status": {"f:observedGeneration": {}}}
    applied = patch(server, made, "me", build_deployment("a") | {"status": {"replicas": 9}}, APPLY).json
    assert "f:status" not in owners(applied)["me", "apps/v1"]


def test_kubectl_may_change_what_it_applied_on_the_client(server: ApiServer, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    first = build_deployment("a", replicas=3)
    first["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(first)}
    server.post(f"{path}?fieldManager=kubectl-client-side-apply", first)
    wanted = build_deployment("a", replicas=4)
    assert patch(server, f"{path}/a", "other", wanted, APPLY).status == 409
    applied = patch(server, f"{path}/a", "kubectl", wanted, APPLY)
    assert (applied.status, applied.json["spec"]["replicas"]) == (200, 4)
    kept = applied.json["metadata"]["annotations"][LAST_APPLIED]
    assert kept == json.dumps(wanted, sort_keys=True, separators=(",", ":")) + "\n"
    patch(server, f"{path}/a", "scaler", {"spec": {"replicas": 7}})
    refused = patch(server, f"{path}/a", "kubectl", build_deployment("a", replicas=5), APPLY)
    assert refused.json["message"] == (
        'Apply failed with 1 conflict: conflict with "scaler" using apps/v1: .spec.replicas'
    )


def test_what_is_applied_is_compared_as_it_was_sent(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/nodes/{namespace}"
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": namespace}}
    server.post("/api/v1/nodes", node)
    patch(server, f"{path}/status", "one", {"status": {"capacity": {"cpu": "1"}}})
    assert (
        patch(server, f"{path}/status", "two", node | {"status": {"capacity": {"cpu": "1"}}}, APPLY).status
        == 200
    )
    refused = patch(
        server, f"{path}/status", "three", node | {"status": {"capacity": {"cpu": "1000m"}}}, APPLY
    )
    assert refused.status == 409
    assert [each["field"] for each in refused.json["details"]["causes"]] == [".status.capacity.cpu"] * 2


def test_null_is_a_value_where_there_are_no_parts(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/a"
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    patch(server, path, "one", config | {"data": {"a": "1"}}, APPLY)
    refused = patch(server, path, "two", config | {"data": {"a": None}}, APPLY)
    assert refused.json["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.a'
    whole = patch(server, path, "two", config | {"data": None}, APPLY)
    assert (whole.status, whole.json["data"]) == (200, {"a": "1"})
    assert owners(whole.json)["two", "v1"] == {"f:data": {}}
    forced = patch(server, path, "two", config | {"data": {"a": None}}, APPLY, "&force=true")
    assert forced.json["data"] == {"a": ""}, "Go reads it so"
    patch(server, path, "three", config | {"binaryData": None}, APPLY)
    refused = patch(server, path, "four", config | {"binaryData": None}, APPLY)
    assert "1 conflict" in refused.json["message"], "what is not there is added, again and again"
