"""Custom resources: definitions while the server runs, and the verbs of their objects."""

from __future__ import annotations

import json
from typing import Any

from tests.apiserver.conformance.calls import MERGE, eventually, merge, ok, watching
from tests.apiserver.conformance.definitions import DEFINITIONS, Gadgets, version
from tests.apiserver.fuzz.protobuf import MEDIA_TYPE, envelope, field
from tests.apiserver.servers import ApiServer

_SPEC = {"spec": {"type": "object", "properties": {"size": {"type": "integer"}, "host": {"type": "string"}}}}
_APPLY = "application/apply-patch+yaml"


def test_the_definition_is_seen_by_watches(server: ApiServer) -> None:
    gadgets = Gadgets(server)
    with watching(server, DEFINITIONS) as watch:
        gadgets.define([version()])
        watch.until("ADDED", gadgets.name)
        gadgets.remove()
        watch.until("DELETED", gadgets.name)


def test_status_of_a_definition(server: ApiServer) -> None:
    gadgets = Gadgets(server)
    gadgets.define([version()])
    status = ok(server, "GET", f"{gadgets.item}/status")["status"]
    assert status["acceptedNames"]["plural"] == "gadgets"
    assert status["storedVersions"] == ["v1"]
    assert [(each["type"], each["reason"]) for each in status["conditions"]] == [
        ("NamesAccepted", "NoConflicts"),
        ("Established", "InitialNamesAccepted"),
    ]


def test_approval_of_protected_groups(server: ApiServer) -> None:
    gadgets = Gadgets(server, group="gadgets.x-k8s.k8s.io")
    definition = gadgets.describe([version()])
    definition["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, a test"}
    ok(server, "POST", DEFINITIONS, definition)
    eventually(lambda: gadgets.conditions().get("Established") == "True")
    assert gadgets.conditions()["KubernetesAPIApprovalPolicyConformant"] == "False"


def test_names_that_another_definition_has(server: ApiServer) -> None:
    first = Gadgets(server)
    first.define([version()])
    names = {"plural": "others", "singular": "other", "kind": "Gadget", "listKind": "GadgetList"}
    second = Gadgets(server, group=first.group)
    second.name = f"others.{first.group}"
    second.item = f"{DEFINITIONS}/{second.name}"
    ok(server, "POST", DEFINITIONS, second.describe([version()], names=names))
    eventually(lambda: second.conditions().get("NamesAccepted") == "False")
    assert second.conditions()["Established"] == "False"
    first.remove()
    eventually(lambda: second.conditions().get("Established") == "True")


def test_objects_of_a_removed_definition_do_not_return(server: ApiServer, namespace: str) -> None:
    gadgets = Gadgets(server)
    gadgets.define([version()])
    ok(server, "POST", gadgets.path(namespace), gadgets.make("old"))
    gadgets.remove()
    assert server.get(gadgets.path(namespace)).status == 404
    gadgets.define([version()])
    assert ok(server, "GET", gadgets.path(namespace))["items"] == []


def test_an_object_with_a_finalizer_holds_its_definition(server: ApiServer, namespace: str) -> None:
    gadgets = Gadgets(server)
    gadgets.define([version()])
    held = gadgets.make("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    ok(server, "POST", gadgets.path(namespace), held)
    ok(server, "DELETE", gadgets.item)
    eventually(
        lambda: ok(server, "GET", gadgets.path(namespace, "held"))["metadata"].get("deletionTimestamp")
    )
    refused = server.post(gadgets.path(namespace), gadgets.make("new"))
    assert refused.status == 405
    assert "terminating" in refused.json["message"]
    merge(server, gadgets.path(namespace, "held"), {"metadata": {"finalizers": None}})
    eventually(lambda: server.get(gadgets.item).status == 404)


def test_defaults_at_requests_and_from_storage(server: ApiServer, namespace: str) -> None:
    gadgets = Gadgets(server)
    gadgets.define([version("v1", {"a": {"type": "string", "default": "A"}, "b": {"type": "string"}})])
    made = ok(server, "POST", gadgets.path(namespace), gadgets.make("one"))
    assert made["a"] == "A"
    properties = {"a": {"type": "string", "default": "A"}, "b": {"type": "string", "default": "B"}}
    merge(server, gadgets.item, {"spec": {"versions": [version("v1", properties)]}})
    eventually(lambda: ok(server, "GET", gadgets.path(namespace, "one")).get("b") == "B")


def test_unknown_fields_are_pruned(server: ApiServer, namespace: str) -> None:
    gadgets = Gadgets(server)
    gadgets.define([version("v1", _SPEC)])
    body = gadgets.make("one", spec={"size": 1, "typo": 2}, other=3)
    answer = server.post(gadgets.path(namespace), body)
    assert answer.status == 201
    assert answer.json["spec"] == {"size": 1}
    assert "other" not in answer.json
    assert any('unknown field \\"spec.typo\\"' in text for text in answer.warnings)
    strict = server.post(
        gadgets.path(namespace) + "?fieldValidation=Strict", gadgets.make("two", spec={"typo": 2})
    )
    assert strict.status == 400
    assert 'strict decoding error: unknown field "spec.typo"' in strict.json["message"]


def test_selectable_fields(server: ApiServer, namespace: str) -> None:
    gadgets = Gadgets(server)
    gadgets.define([version("v1", _SPEC, selectableFields=[{"jsonPath": ".spec.host"}])])
    path = gadgets.path(namespace)
    for name, host in (("a", "h1"), ("b", "h2")):
        ok(server, "POST", path, gadgets.make(name, spec={"host": host}))
    listed = ok(server, "GET", f"{path}?fieldSelector=spec.host=h1")
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]
    assert server.get(f"{path}?fieldSelector=spec.size=1").status == 400
    with watching(server, path, fieldSelector="spec.host=h1", resourceVersion=0) as watch:
        watch.until("ADDED", "a")
        merge(server, f"{path}/b", {"spec": {"host": "h1"}})
        watch.until("ADDED", "b")
        merge(server, f"{path}/a", {"spec": {"host": "h3"}})
        watch.until("DELETED", "a")
    ok(server, "DELETE", f"{path}?fieldSelector=spec.host=h1")
    assert [item["metadata"]["name"] for item in ok(server, "GET", path)["items"]] == ["a"]


def test_versions_differ_in_api_version_only(server: ApiServer, namespace: str) -> None:
    gadgets = Gadgets(server)
    old = version("v1beta1", _SPEC, storage=False, deprecated=True)
    gadgets.define([old, version("v1", _SPEC)])
    ok(server, "POST", gadgets.path(namespace), gadgets.make("one", spec={"size": 1}))
    answer = server.get(gadgets.path(namespace, "one", "v1beta1"))
    assert answer.json["apiVersion"] == f"{gadgets.group}/v1beta1"
    assert any("v1beta1 Gadget is deprecated" in text for text in answer.warnings)
    listed = ok(server, "GET", gadgets.path(namespace, version="v1beta1"))
    assert [item["apiVersion"] for item in listed["items"]] == [f"{gadgets.group}/v1beta1"]
    with watching(server, gadgets.path(namespace, version="v1beta1"), resourceVersion=0) as watch:
        assert watch.until("ADDED", "one")["apiVersion"] == f"{gadgets.group}/v1beta1"
    merge(server, gadgets.path(namespace, "one", "v1beta1"), {"spec": {"size": 2}})
    assert ok(server, "GET", gadgets.path(namespace, "one"))["spec"] == {"size": 2}
    group = ok(server, "GET", f"/apis/{gadgets.group}")
    assert [each["version"] for each in group["versions"]] == ["v1", "v1beta1"]


def test_each_version_has_its_own_schema_and_subresources(server: ApiServer, namespace: str) -> None:
    gadgets = Gadgets(server)
    port: dict[str, Any] = {"port": {"type": "integer", "default": 179}}
    fields = port | {"size": {"type": "integer"}, "host": {"type": "string"}}
    strict = {"type": "object", "required": ["host"], "properties": fields}
    small = {"type": "integer", "maximum": 5, "default": 3}
    lax = {
        "type": "object",
        "properties": {"size": small, "port": {"type": "integer"}, "only_here": {"type": "string"}},
    }
    scale = {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}
    gadgets.define(
        [
            version("v1", {"spec": strict}),
            version("v1beta1", {"spec": lax}, storage=False, subresources={"status": {}, "scale": scale}),
        ]
    )
    old = gadgets.path(namespace, version="v1beta1")
    made = ok(server, "POST", old, gadgets.make("one", "v1beta1", spec={"only_here": "a"}))
    # As a read shows it: with the defaults of both versions, and without fields that the stored one lacks.
    assert made["spec"] == {"size": 3, "port": 179} == ok(server, "GET", f"{old}/one")["spec"]
    refused = server.ask("POST", old, gadgets.make("two", "v1beta1", spec={"size": 6}))
    assert "spec.size in body should be less than or equal to 5" in refused.json["message"]
    refused = server.ask("POST", gadgets.path(namespace), gadgets.make("two", spec={"size": 6}))
    assert "spec.host: Required value" in refused.json["message"]
    two = gadgets.make("two", spec={"size": 6, "host": "a"})
    assert ok(server, "POST", gadgets.path(namespace), two)["spec"]["size"] == 6
    # An update in the older version meets its bound, also for what the other version has stored.
    refused = server.ask("PATCH", f"{old}/two", {"spec": {"size": 7}}, content_type=MERGE)
    assert refused.status == 422
    assert server.get(f"{gadgets.path(namespace, 'one')}/scale").status == 404
    assert ok(server, "GET", f"{old}/one/scale")["spec"] == {"replicas": 3}
    merge(server, f"{old}/one/scale", {"spec": {"replicas": 4}})
    assert ok(server, "GET", f"{old}/one")["spec"]["size"] == 4
    assert server.get(f"{gadgets.path(namespace, 'one')}/status").status == 404
    assert ok(server, "GET", f"{old}/one/status")["spec"]["size"] == 4


def test_the_stored_version_changes(server: ApiServer, namespace: str) -> None:
    gadgets = Gadgets(server)
    gadgets.define([version("v1", _SPEC), version("v2", _SPEC, storage=False)])
    ok(server, "POST", gadgets.path(namespace), gadgets.make("one", spec={"size": 1}))
    versions = [version("v1", _SPEC, storage=False), version("v2", _SPEC)]
    merge(server, gadgets.item, {"spec": {"versions": versions}})
    assert ok(server, "GET", gadgets.item)["status"]["storedVersions"] == ["v1", "v2"]
    for name in ("v1", "v2"):
        found = ok(server, "GET", gadgets.path(namespace, "one", name))
        assert found["apiVersion"] == f"{gadgets.group}/{name}"
        assert found["spec"] == {"size": 1}
    merge(server, gadgets.path(namespace, "one", "v2"), {"spec": {"size": 2}})
    assert ok(server, "GET", gadgets.path(namespace, "one"))["spec"] == {"size": 2}


def test_apply_merges_by_the_schema(server: ApiServer, namespace: str) -> None:
    ports = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "port": {"type": "integer"}},
        },
    }
    gadgets = Gadgets(server)
    gadgets.define([version("v1", {"ports": ports})])
    path = gadgets.path(namespace, "one")
    for manager, name in (("a", "http"), ("b", "dns")):
        body = json.dumps(gadgets.make("one", ports=[{"name": name, "port": 1}])).encode()
        answer = server.ask("PATCH", f"{path}?fieldManager={manager}", body, content_type=_APPLY)
        assert answer.status in {200, 201}, answer.body
    assert [port["name"] for port in answer.json["ports"]] == ["http", "dns"]
    body = json.dumps(gadgets.make("one", ports=[{"name": "http", "port": 2}])).encode()
    conflict = server.ask("PATCH", f"{path}?fieldManager=b", body, content_type=_APPLY)
    assert conflict.status == 409


def test_what_custom_resources_refuse(server: ApiServer, namespace: str) -> None:
    gadgets = Gadgets(server)
    gadgets.define([version("v1", _SPEC)])
    path = gadgets.path(namespace)
    ok(server, "POST", path, gadgets.make("one"))
    strategic = server.ask(
        "PATCH", f"{path}/one", {"spec": {}}, content_type="application/strategic-merge-patch+json"
    )
    assert strategic.status == 415
    protobuf = server.ask("POST", path, b"k8s\0", content_type="application/vnd.kubernetes.protobuf")
    assert protobuf.status == 415
    unversioned = gadgets.make("one", spec={"size": 2})
    assert server.ask("PUT", f"{path}/one", unversioned).status == 422
    wrong = server.post(path, {**gadgets.make("two"), "kind": "Other"})
    assert wrong.status == 400


def test_dry_run_table_metadata_and_json_patch(server: ApiServer, namespace: str) -> None:
    gadgets = Gadgets(server)
    columns = [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]
    gadgets.define([version("v1", _SPEC, additionalPrinterColumns=columns)])
    path = gadgets.path(namespace)
    ok(server, "POST", f"{path}?dryRun=All", gadgets.make("one"))
    assert server.get(f"{path}/one").status == 404
    ok(server, "POST", path, gadgets.make("one", spec={"size": 7}))
    patch = [{"op": "replace", "path": "/spec/size", "value": 8}]
    answer = server.ask("PATCH", f"{path}/one", patch, content_type="application/json-patch+json")
    assert answer.json["spec"] == {"size": 8}
    table = _get_as(server, path, "Table")
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size"]
    assert table["rows"][0]["cells"] == ["one", 8]
    partial = _get_as(server, f"{path}/one", "PartialObjectMetadata")
    assert partial["metadata"]["name"] == "one"
    assert "spec" not in partial


def _get_as(server: ApiServer, path: str, kind: str) -> dict[str, Any]:
    accept = f"application/json;as={kind};g=meta.k8s.io;v=v1"
    answer = server.get(path, headers={"Accept": accept})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    assert found["kind"] == kind
    return found


def test_watches_end_when_the_schema_changes(server: ApiServer, namespace: str) -> None:
    gadgets = Gadgets(server)
    gadgets.define([version("v1", _SPEC)])
    with watching(server, gadgets.path(namespace)) as watch:
        ok(server, "POST", gadgets.path(namespace), gadgets.make("one"))
        watch.until("ADDED", "one")
        changed = _SPEC | {"more": {"type": "string"}}
        merge(server, gadgets.item, {"spec": {"versions": [version("v1", changed)]}})
        assert watch.rest() == []


def test_documents_follow_the_definitions(server: ApiServer) -> None:
    gadgets = Gadgets(server)
    path = f"/openapi/v3/apis/{gadgets.group}"
    name = ".".join((*reversed(gadgets.group.split(".")), "v1", "Gadget"))
    gadgets.define([version("v1", _SPEC), version("v2", _SPEC, storage=False)])
    schema = ok(server, "GET", f"{path}/v1")["components"]["schemas"][name]
    assert schema["properties"]["spec"] == _SPEC["spec"]
    assert schema["x-kubernetes-group-version-kind"] == [
        {"group": gadgets.group, "version": "v1", "kind": "Gadget"}
    ]
    assert name in ok(server, "GET", "/openapi/v2")["definitions"]
    unserved = version("v2", _SPEC, storage=False, served=False)
    merge(server, gadgets.item, {"spec": {"versions": [version("v1", _SPEC), unserved]}})
    eventually(lambda: server.get(f"{path}/v2").status == 404)
    gadgets.remove()
    assert server.get(f"{path}/v1").status == 404
    assert name not in ok(server, "GET", "/openapi/v2")["definitions"]
    assert gadgets.group not in {group["name"] for group in ok(server, "GET", "/apis")["groups"]}


def test_group_versions_have_api_services(server: ApiServer) -> None:
    gadgets = Gadgets(server)
    gadgets.define([version()])
    path = f"/apis/apiregistration.k8s.io/v1/apiservices/v1.{gadgets.group}"
    spec = eventually(lambda: server.get(path).json.get("spec"))
    assert (spec["groupPriorityMinimum"], spec["versionPriority"]) == (1000, 100)
    gadgets.remove()
    eventually(lambda: server.get(path).status == 404)


def test_scope_cluster(server: ApiServer) -> None:
    gadgets = Gadgets(server, scope="Cluster")
    gadgets.define([version()])
    ok(server, "POST", gadgets.path(), gadgets.make("one", anything=[None, {"a": None}]))
    found = ok(server, "GET", gadgets.path("", "one"))
    assert found["anything"] == [None, {"a": None}]
    assert server.get(gadgets.path("default", "one")).status == 404


def test_controllers_find_custom_resources(governed: ApiServer, home: str) -> None:
    gadgets = Gadgets(governed)
    gadgets.define([version()])
    ok(governed, "POST", gadgets.path(home), gadgets.make("one"))
    ok(governed, "DELETE", f"/api/v1/namespaces/{home}")
    eventually(lambda: governed.get(f"/api/v1/namespaces/{home}").status == 404, 60)


def test_a_definition_with_wrong_expressions_defaults_and_fields_is_refused(server: ApiServer) -> None:
    gadgets = Gadgets(server)
    size = {"type": "integer", "default": "large"}
    definition = gadgets.describe([version("v1", {"size": size}, selectableFields=[{"jsonPath": ".color"}])])
    refused = server.post(DEFINITIONS, definition)
    assert refused.status == 422
    assert {cause["field"] for cause in refused.json["details"]["causes"]} == {
        "spec.validation.openAPIV3Schema.properties[size].default",
        "spec.selectableFields[0].jsonPath",
    }
    ruled = {"type": "integer", "x-kubernetes-validations": [{"rule": "self < nobody"}]}
    refused = server.post(DEFINITIONS, gadgets.describe([version("v1", {"size": ruled})]))
    assert [cause["field"] for cause in refused.json["details"]["causes"]] == [
        "spec.validation.openAPIV3Schema.properties[size].x-kubernetes-validations[0].rule"
    ]


def test_unknown_formats_are_warned_of_once(server: ApiServer) -> None:
    gadgets = Gadgets(server)
    properties = {"size": {"type": "string", "format": "furlong"}}
    definition = gadgets.describe([version("v1", properties)])
    made = server.post(DEFINITIONS, definition)
    assert made.status == 201
    assert [text for text in made.warnings if "furlong" in text] == [
        '299 - "unrecognized format \\"furlong\\""'
    ]
    changed = server.ask("PATCH", gadgets.item, {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)
    assert changed.status == 200
    assert not changed.warnings


def test_a_definition_in_protobuf(server: ApiServer, namespace: str) -> None:
    """Typed clients in Go send built-in kinds so, and definitions are one of them."""
    gadgets = Gadgets(server)
    size = field(29, field(1, "size") + field(2, field(5, "integer") + field(8, field(1, "3"))))
    schema = field(1, field(5, "object") + size)
    names = field(1, "gadgets") + field(2, "gadget") + field(4, "Gadget") + field(5, "GadgetList")
    spec = field(1, gadgets.group) + field(3, names) + field(4, "Namespaced")
    spec += field(7, field(1, "v1") + field(2, 1) + field(3, 1) + field(4, schema))
    body = field(1, field(1, gadgets.name)) + field(2, spec)
    data = envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", body)
    ok(server, "POST", DEFINITIONS, data, content_type=MEDIA_TYPE)
    eventually(lambda: gadgets.conditions().get("Established") == "True")
    assert ok(server, "POST", gadgets.path(namespace), gadgets.make("one"))["size"] == 3


def test_the_observed_generation_of_a_condition_is_kept(server: ApiServer) -> None:
    gadgets = Gadgets(server)
    gadgets.define([version()])
    definition = ok(server, "GET", gadgets.item)
    definition["status"]["observedGeneration"] = 1
    definition["status"]["conditions"].append(
        {"type": "Ours", "status": "True", "reason": "Test", "message": "", "observedGeneration": 1}
    )
    ok(server, "PUT", f"{gadgets.item}/status", definition)
    status = ok(server, "GET", gadgets.item)["status"]
    assert status["observedGeneration"] == 1
    assert status["conditions"][-1]["observedGeneration"] == 1
