"""Statuses, scales and collections, by kind: what upstream's entries do with each, in their order."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import MERGE, merge, ok, settle, watching
from tests.apiserver.conformance.subresources import COLLECTIONS, SCALES, STATUSES, Of, Status
from tests.apiserver.servers import ApiServer


def entries(rows: tuple[Any, ...]) -> list[Any]:
    return [pytest.param(row, id=row.entry, marks=pytest.mark.entry(row.entry)) for row in rows]


def make(server: ApiServer, kind: Of, namespace: str, name: str, **labels: str) -> JsonObject:
    body = {"metadata": {"name": name, "labels": labels}, **kind.body}
    return ok(server, "POST", kind.collection(namespace), body)


@pytest.mark.parametrize("row", entries(STATUSES))
def test_status(server: ApiServer, namespace: str, row: Status) -> None:
    name = f"status-{namespace}"
    path = row.collection(namespace)
    made = make(server, row, namespace, name, e2e=namespace)
    with watching(server, path, labelSelector=f"e2e={namespace}") as watch:
        watch.until("ADDED", name)
        read = ok(server, "GET", f"{path}/{name}/status")
        assert read["kind"] == made["kind"]
        wanted = {**read.get("status", {}), **row.update}
        spoiled = {**read, "status": wanted, "spec": {**made["spec"], **row.not_through_status}}
        updated = ok(server, "PUT", f"{path}/{name}/status", spoiled)
        assert updated["status"] == wanted
        assert updated["spec"] == made["spec"]
        assert watch.until("MODIFIED", name)["status"] == wanted
        patched = merge(server, f"{path}/{name}/status", {"status": row.patch})
        assert patched["status"] == {**wanted, **row.patch}
        assert watch.until("MODIFIED", name)["status"] == patched["status"]
        through_main = merge(
            server, f"{path}/{name}", {"status": row.update, "metadata": {"labels": {"a": "b"}}}
        )
        assert through_main["status"] == patched["status"]
        assert through_main["metadata"].get("generation") == made["metadata"].get("generation")
    ok(server, "DELETE", f"{path}/{name}?propagationPolicy=Background")


@pytest.mark.parametrize("row", entries(SCALES))
def test_scale(server: ApiServer, namespace: str, row: Of) -> None:
    made = make(server, row, namespace, "a")
    path = f"{row.collection(namespace)}/a"
    scale = ok(server, "GET", f"{path}/scale")
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (1, 0)
    assert scale["status"]["selector"] == "app=a"
    for same in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp"):
        assert scale["metadata"][same] == made["metadata"][same]
    scale["metadata"]["resourceVersion"] = ""
    scale["spec"]["replicas"] = 2
    assert ok(server, "PUT", f"{path}/scale", scale)["spec"]["replicas"] == 2
    found = ok(server, "GET", path)
    assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (2, 2)
    assert merge(server, f"{path}/scale", {"spec": {"replicas": 4}})["spec"]["replicas"] == 4
    assert ok(server, "GET", path)["spec"]["replicas"] == 4
    scale["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    stale = server.ask("PUT", f"{path}/scale", scale)
    assert (stale.status, stale.json["reason"]) == (409, "Conflict")
    scale["metadata"]["resourceVersion"] = ""
    scale["spec"]["replicas"] = -1
    negative = server.ask("PUT", f"{path}/scale", scale)
    assert (negative.status, negative.json["details"]["causes"][0]["field"]) == (422, "spec.replicas")


def test_a_scale_is_of_the_path_it_is_sent_to(server: ApiServer, namespace: str) -> None:
    make(server, SCALES[0], namespace, "a")
    path = f"{SCALES[0].collection(namespace)}/a/scale"
    for wrong, text in (
        ({"name": "b"}, "the name of the object (b) does not match the name on the URL (a)"),
        ({"name": None}, "the name of the object (a based on URL) was undeterminable: name must be provided"),
    ):
        refused = server.ask("PATCH", path, {"metadata": wrong}, content_type=MERGE)
        assert (refused.status, refused.json["message"]) == (400, text)


def test_a_binding_that_names_no_node_is_refused(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods/a/binding"
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"}, "target": {"kind": "Node"}}
    refused = server.post(path, binding)
    assert (refused.status, refused.json["message"]) == (400, "target.name: Required value")


@pytest.mark.parametrize("row", entries(COLLECTIONS))
def test_collection(server: ApiServer, namespace: str, row: Of) -> None:
    path = row.collection(namespace)
    for number in range(3):
        make(server, row, namespace, f"test{number}-{namespace}", special=namespace)
    make(server, row, namespace, f"stays-{namespace}", special="other")
    everywhere = f"{row.collection()}?labelSelector=special={namespace}"
    assert len(ok(server, "GET", everywhere)["items"]) == 3
    item = f"{path}/test0-{namespace}"
    patched = merge(server, item, {"metadata": {"labels": {"patched": "true"}}})
    assert patched["metadata"]["labels"] == {"special": namespace, "patched": "true"}
    assert len(ok(server, "GET", f"{everywhere},patched=true")["items"]) == 1
    ok(server, "DELETE", item + "?gracePeriodSeconds=0")
    settle(server, item)
    query = f"labelSelector=special={namespace}&gracePeriodSeconds=0&propagationPolicy=Background"
    gone = ok(server, "DELETE", f"{path}?{query}")
    assert len(gone["items"]) == 2
    for each in gone["items"]:
        settle(server, f"{path}/{each['metadata']['name']}")
    left = [each["metadata"]["name"] for each in ok(server, "GET", path)["items"]]
    assert f"stays-{namespace}" in left
    assert not [name for name in left if name.startswith("test") and name.endswith(f"-{namespace}")]


def test_a_binding_in_its_own_collection_has_no_uid_to_ask_for(server: ApiServer, namespace: str) -> None:
    place = f"/api/v1/namespaces/{namespace}"
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert server.post(f"{place}/pods", pod).status == 201
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "a", "uid": "x"},
        "target": {"kind": "Node", "name": "n"},
    }
    refused = server.post(f"{place}/pods/a/binding?dryRun=All", binding)
    assert refused.status == 409
    assert f"StorageError: invalid object, Code: 4, Key: /pods/{namespace}/a, " in refused.json["message"]
    assert server.post(f"{place}/bindings?dryRun=All", binding).status == 201


def test_an_evictions_options_are_looked_at_when_the_pod_is_deleted(
    server: ApiServer, namespace: str
) -> None:
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "a"},
        "deleteOptions": {"propagationPolicy": "X"},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/a/eviction?dryRun=All"
    assert server.post(path, eviction).status == 404
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert server.post(f"/api/v1/namespaces/{namespace}/pods", pod).status == 201
    assert server.post(path, eviction).status == 422


def test_a_pod_that_is_bound_or_evicted_is_answered_as_created(server: ApiServer, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert server.post(pods, pod).status == 201
    done = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    held = {"name": "a", "labels": {"a b": "c"}}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": held, "target": {"name": "n"}}
    assert server.post(f"{pods}/a/binding", binding).json == done
    # Upstream binds below what judges metadata.
    assert server.get(f"{pods}/a").json["metadata"]["labels"] == {"a b": "c"}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}
    assert server.post(f"{pods}/a/eviction?dryRun=All", eviction).json == done


def test_a_binding_in_its_own_collection_names_a_pod(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/bindings"
    nobody: JsonObject = {"apiVersion": "v1", "kind": "Binding", "metadata": {}, "target": {"name": "n"}}
    refused = server.post(path, nobody)
    assert (refused.status, refused.json["message"]) == (400, "Name parameter required.")
    refused = server.post(path, nobody | {"target": {}})
    assert (refused.status, refused.json["message"]) == (400, "target.name: Required value")


def test_an_eviction_is_of_its_paths_namespace_and_of_the_pod_it_asks_for(
    server: ApiServer, namespace: str
) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    eviction: JsonObject = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}
    other = eviction | {"metadata": {"name": "a", "namespace": "other"}}
    assert server.post(f"{pods}/a/eviction", other).status == 400
    assert server.post(f"{pods}/a/eviction", eviction | {"deleteOptions": {"dryRun": ["X"]}}).status == 404
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}], "nodeName": "n"}}
    assert server.post(pods, pod).status == 201
    merge(server, f"{pods}/a/status", {"status": {"phase": "Running"}})
    refused = server.post(f"{pods}/a/eviction", eviction | {"deleteOptions": {"preconditions": {"uid": "x"}}})
    assert refused.status == 409
    assert refused.json["message"].endswith("The object might have been deleted and then recreated")


def test_a_wrong_uid_is_reported_before_a_missing_version(server: ApiServer, namespace: str) -> None:
    path = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
    budget = {"metadata": {"name": "a"}, "spec": {"selector": {}, "minAvailable": 1}}
    assert server.post(path, budget).status == 201
    assert server.ask("PUT", f"{path}/a", budget).status == 422
    refused = server.ask("PUT", f"{path}/a", budget | {"metadata": {"name": "a", "uid": "x"}})
    assert (refused.status, refused.json["reason"]) == (409, "Conflict")


def test_a_list_item_without_its_key_is_owned_by_the_keys_default(server: ApiServer, namespace: str) -> None:
    spec = {"containers": [{"name": "c", "image": "i"}], "imagePullSecrets": [{}]}
    made = server.post(
        f"/api/v1/namespaces/{namespace}/pods?dryRun=All", {"metadata": {"name": "a"}, "spec": spec}
    )
    (entry,) = made.json["metadata"]["managedFields"]
    owned = entry["fieldsV1"]["f:spec"]["f:imagePullSecrets"]
    assert owned == {".": {}, 'k:{"name":""}': {}}


def test_an_empty_list_has_an_owner_and_is_returned_as_null(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/limitranges?fieldManager=m"
    made = server.post(path, {"metadata": {"name": "a"}, "spec": {"limits": []}}).json
    (entry,) = made["metadata"]["managedFields"]
    assert entry["fieldsV1"] == {"f:spec": {"f:limits": {}}}
    assert made["spec"] == {"limits": None}


def test_an_eviction_that_cannot_delete_its_pod_sets_the_pods_condition(
    server: ApiServer, namespace: str
) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert server.post(pods, pod).status == 201
    eviction: JsonObject = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}
    wrong = eviction | {"deleteOptions": {"propagationPolicy": "X"}}
    assert server.post(f"{pods}/a/eviction", wrong).status == 422
    (condition,) = server.get(f"{pods}/a").json["status"]["conditions"]
    assert condition["type"] == "DisruptionTarget"


def test_a_namespace_ends_in_two_steps_even_when_nothing_holds_it(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}-ends"
    body: JsonObject = {"metadata": {"name": f"{namespace}-ends"}, "spec": {"finalizers": []}}
    assert server.post("/api/v1/namespaces", body).status == 201
    assert server.ask("PUT", f"{path}/finalize", body).json["spec"] == {}
    gone = server.ask("DELETE", path).json
    assert gone["status"] == {"phase": "Terminating"}
    assert gone["metadata"]["deletionTimestamp"]
    assert server.get(path).status == 200
    assert server.ask("DELETE", path).status == 200
    assert server.get(path).status == 404


def test_who_takes_the_last_finalizer_away_is_shown_the_version_before(
    server: ApiServer, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    assert server.post(path, {"metadata": {"name": "a", "finalizers": ["a.b/c"]}}).status == 201
    last = server.ask("DELETE", f"{path}/a").json["metadata"]["resourceVersion"]
    ended = merge(server, f"{path}/a", {"metadata": {"finalizers": None}})
    assert ended["metadata"]["resourceVersion"] == last
    assert server.get(f"{path}/a").status == 404


def test_a_namespace_gets_its_deletion_grace_period_once_it_is_finalized(
    server: ApiServer, namespace: str
) -> None:
    name = f"{namespace}-held"
    path = f"/api/v1/namespaces/{name}"
    body: JsonObject = {"metadata": {"name": name, "finalizers": ["a.b/c"]}}
    assert server.post("/api/v1/namespaces", body).status == 201
    assert "deletionGracePeriodSeconds" not in server.ask("DELETE", path).json["metadata"]
    assert "deletionGracePeriodSeconds" not in server.ask("DELETE", path).json["metadata"]
    assert server.ask("PUT", f"{path}/finalize", body | {"spec": {"finalizers": []}}).status == 200
    assert server.ask("DELETE", path).json["metadata"]["deletionGracePeriodSeconds"] == 0
    merge(server, path, {"metadata": {"finalizers": None}})
    assert server.get(path).status == 404


@pytest.mark.parametrize("finalizer", ["bad", "", "A B/c"])
def test_finalizers_that_are_no_names_hold_no_namespace(
    server: ApiServer, namespace: str, finalizer: str
) -> None:
    body: JsonObject = {"metadata": {"name": namespace}, "spec": {"finalizers": ["kubernetes", finalizer]}}
    refused = server.ask("PUT", f"/api/v1/namespaces/{namespace}/finalize", body)
    assert refused.status == 422
    assert {each["field"] for each in refused.json["details"]["causes"]} == {"spec.finalizers[1]"}


def test_what_a_request_for_a_token_says_has_an_owner(server: ApiServer, namespace: str) -> None:
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    assert server.post(accounts, {"metadata": {"name": "a"}}).status == 201
    made = server.post(f"{accounts}/a/token?fieldManager=m", {"spec": {"audiences": ["x"]}}).json
    (entry,) = made["metadata"]["managedFields"]
    assert (entry["manager"], entry["subresource"]) == ("m", "token")
    assert entry["fieldsV1"] == {"f:spec": {"f:audiences": {}, "f:expirationSeconds": {}}}


def test_who_owned_fields_before_they_were_applied_owned_them_through_that_path(
    server: ApiServer, namespace: str
) -> None:
    """What was stored without owners, here by taking them away."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    pod: JsonObject = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert server.post(pods, pod).status == 201
    merge(server, f"{pods}/a/status", {"status": {"phase": "Running"}})
    merge(server, f"{pods}/a", {"metadata": {"managedFields": [{}]}})
    applied = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "status": {"message": "m"}}
    query = "fieldManager=m&force=true"
    made = server.ask(
        "PATCH", f"{pods}/a/status?{query}", applied, content_type="application/apply-patch+yaml"
    ).json
    entries = {each["manager"]: each.get("subresource") for each in made["metadata"]["managedFields"]}
    assert entries == {"m": "status", "before-first-apply": "status"}
