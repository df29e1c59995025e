"""In which form a client gets what it asks for: media types, tables, discovery. Each answer was upstream's."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.apiserver.conformance.calls import ok
from tests.apiserver.servers import ApiServer

TABLE = {"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
METADATA = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
WRONG_INCLUDE = (
    'Unable to convert to Table as requested: includeObject: Invalid value: "X": '
    "must be 'Metadata', 'Object', 'None', or empty"
)


@pytest.mark.parametrize("path", ["/api", "/apis"])
def test_aggregated_discovery_is_cached_by_its_etag(server: ApiServer, path: str) -> None:
    first = server.get(path, headers={"Accept": f"application/json,{AGGREGATED}"})
    assert first.headers["Content-Type"] == AGGREGATED
    assert (first.headers["Vary"], first.headers["Cache-Control"]) == ("Accept", "public")
    tag = first.headers["ETag"]
    again = server.get(path, headers={"Accept": AGGREGATED, "If-None-Match": tag})
    assert (again.status, again.body, again.headers["Vary"]) == (304, b"", "Accept")
    other = server.get(path, headers={"Accept": AGGREGATED, "If-None-Match": f"W/{tag}"})
    assert other.status == 200


@pytest.mark.parametrize("path", ["/api", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1"])
def test_plain_discovery_has_yaml_and_nothing_to_be_cached_by(server: ApiServer, path: str) -> None:
    plain = server.get(path)
    assert "ETag" not in plain.headers
    assert plain.headers["Cache-Control"] == "no-cache, private"
    as_yaml = server.get(path, headers={"Accept": "application/yaml"})
    assert as_yaml.headers["Content-Type"] == "application/yaml"
    assert f"\nkind: {plain.json['kind']}\n".encode() in b"\n" + as_yaml.body
    assert server.get(f"{path}?pretty=true").body.startswith(b'{\n  "kind"')


def test_the_lists_of_groups_look_at_no_method(server: ApiServer) -> None:
    assert server.post("/apis/apps", {}).json["kind"] == "APIGroup"
    assert server.post("/apis/apps/v1", {}).status == 405


def test_the_version_and_the_paths_are_json_to_be_read(server: ApiServer) -> None:
    assert server.get("/version").body.startswith(b'{\n  "major"')
    assert server.get("/version", headers={"Accept": "application/yaml"}).status == 406
    assert server.get("/", headers={"Accept": "application/yaml"}).body.startswith(b'{\n  "paths"')


def test_documents_end_with_a_line_feed_where_they_are_one_line(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    lines = [server.post(path, {"metadata": {"name": "a"}}).body]
    tables = {"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
    wanted = ("/api", "/apis/apps/v1", path, f"{path}?limit=1", f"{path}/a", f"{path}/missing", "/nowhere/x")
    lines += [server.get(asked).body for asked in wanted]
    lines += [server.get(path, headers=tables).body, server.ask("DELETE", f"{path}/a").body]
    assert [line[-2:] for line in lines if line.startswith(b"{")] == [b"}\n"] * (len(lines) - 1)
    for asked in ("/version", f"{path}?pretty=true"):
        assert server.get(asked).body.endswith(b"\n}")


def test_every_answer_has_an_audit_id(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    watched = f"{path}?watch=1&timeoutSeconds=1"
    answers = [
        server.get(asked) for asked in (path, f"{path}/none", watched, "/livez", "/metrics", "/nowhere")
    ]
    answers.append(server.get(path, token="wrong"))
    answers.append(server.post(path, {"metadata": {"name": "a"}}))
    ids = [answer.headers["Audit-Id"] for answer in answers]
    assert len(set(ids)) == len(answers) == 8
    assert {str(uuid.UUID(each)) for each in ids} == set(ids)
    assert {uuid.UUID(each).version for each in ids} == {4}
    given = server.get(path, headers={"Audit-ID": "x" * 70})
    assert given.headers["Audit-Id"] == "x" * 70


def test_documents_escape_what_go_escapes(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    told = "<b>&amp;\u2028\u2029\u2018é"
    made = server.post(path, {"metadata": {"name": "a", "annotations": {"a": told}}, "data": {"k": told}})
    watched = f"{path}?watch=1&resourceVersion=0&timeoutSeconds=1"
    texts = [made.body] + [
        server.get(asked).body for asked in (f"{path}/a", path, f"{path}?pretty=1", watched)
    ]
    texts += [server.get(f"{path}/a", headers=METADATA).body, server.get(watched, headers=METADATA).body]
    escaped = rb"\u003cb\u003e\u0026amp;\u2028\u2029" + "\u2018é".encode()
    for text in texts:
        assert escaped in text
        assert not {*"<>&\u2028\u2029"} & {*text.decode()}
    assert server.get(f"{path}/a").json["data"]["k"] == told
    refused = server.get(f"{path}/%3Cx%3E").body
    assert rb"configmaps \"\u003cx\u003e\" not found" in refused
    described = server.get("/openapi/v3/api/v1").body
    assert b"<" not in described
    assert rb"\u003c" in described


def test_a_table_holds_words_that_it_knows_of_one_object_too(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    ok(server, "POST", path, {"metadata": {"name": "a"}})
    for method, asked in (
        ("GET", f"{path}/a"),
        ("DELETE", f"{path}/a"),
        ("GET", "/api/v1/componentstatuses"),
    ):
        answer = server.ask(method, f"{asked}?includeObject=X", headers=TABLE)
        assert (answer.status, answer.json["message"]) == (400, WRONG_INCLUDE)


def test_an_autoscaler_in_v1_is_shown_as_it_is_stored(server: ApiServer, namespace: str) -> None:
    metrics = [
        {
            "type": "Pods",
            "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "10"}},
        }
    ]
    body = {
        "metadata": {"name": "a"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
            "maxReplicas": 3,
            "metrics": metrics,
        },
    }
    parts = f"namespaces/{namespace}/horizontalpodautoscalers"
    ok(server, "POST", f"/apis/autoscaling/v2/{parts}", body)
    for path in (f"/apis/autoscaling/v1/{parts}", f"/apis/autoscaling/v1/{parts}/a"):
        (row,) = ok(server, "GET", f"{path}?includeObject=Object", headers=TABLE)["rows"]
        assert row["cells"][2] == "<unknown>/10"
        assert row["object"]["apiVersion"] == "autoscaling/v1"


def test_metadata_of_a_daemon_set_have_no_annotation_of_its_template(
    server: ApiServer, namespace: str
) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/daemonsets"
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    made = ok(
        server,
        "POST",
        path,
        {"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}},
    )
    assert made["metadata"]["annotations"] == {"deprecated.daemonset.template.generation": "1"}
    assert "annotations" not in ok(server, "GET", f"{path}/a", headers=METADATA)["metadata"]
    (row,) = ok(server, "GET", path, headers=TABLE)["rows"]
    assert "annotations" not in row["object"]["metadata"]


def test_an_old_event_in_the_new_version_has_no_empty_reporter(server: ApiServer, namespace: str) -> None:
    body: dict[str, Any] = {"metadata": {"name": "a"}, "involvedObject": {"namespace": namespace}}
    old = ok(server, "POST", f"/api/v1/namespaces/{namespace}/events", body)
    assert (old["reportingComponent"], old["reportingInstance"]) == ("", "")
    new = ok(server, "GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/a")
    assert new.keys().isdisjoint({"reportingController", "reportingInstance"})


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("fieldSelector=metadata.name%3Detcd-0", ["etcd-0"]),
        ("fieldSelector=metadata.name!%3Detcd-0", ["controller-manager", "scheduler"]),
        ("labelSelector=a", []),
        ("labelSelector=!a", ["controller-manager", "etcd-0", "scheduler"]),
    ],
)
def test_component_statuses_are_selected(server: ApiServer, query: str, names: list[str]) -> None:
    listed = ok(server, "GET", f"/api/v1/componentstatuses?{query}")
    assert sorted(each["metadata"]["name"] for each in listed["items"]) == names


def test_component_statuses_have_no_other_fields_and_tables_with_objects(server: ApiServer) -> None:
    path = "/api/v1/componentstatuses"
    refused = server.get(f"{path}?fieldSelector=spec.x%3D1")
    text = '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"'
    assert (refused.status, refused.json["message"]) == (400, text)
    rows = ok(server, "GET", f"{path}?includeObject=Object", headers=TABLE)["rows"]
    assert {row["object"]["kind"] for row in rows} == {"ComponentStatus"}
