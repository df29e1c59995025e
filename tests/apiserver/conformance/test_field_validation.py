"""Fields that nobody knows, and fields twice, in objects of built-in kinds."""

from __future__ import annotations

import json

import pytest

from tests.apiserver.conformance.calls import MERGE
from tests.apiserver.servers import Answer, ApiServer

APPLY = "application/apply-patch+yaml"
DEPLOYMENT = """{"apiVersion": "apps/v1", "kind": "Deployment",
  "metadata": {"name": "%s", "labels": {"app": "nginx"}%s},
  "spec": {%s"replicas": 1, %s"selector": {"matchLabels": {"app": "nginx"}},
    "template": {"metadata": {"labels": {"app": "nginx"}%s},
      "spec": {"containers": [{"name": "nginx", "image": "nginx:latest"}]}}}}"""


def deployments(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


def warnings(answer: Answer) -> str:
    return answer.headers.get("Warning", "")


@pytest.mark.parametrize("content_type", ["application/json", "application/yaml"])
@pytest.mark.entry("FieldValidation should detect unknown and duplicate fields of a typed object")
def test_field_validation_should_detect_unknown_and_duplicate_fields_of_a_typed_object(
    server: ApiServer, namespace: str, content_type: str
) -> None:
    body = (DEPLOYMENT % ("a", "", '"unknown1": "val1", ', '"replicas": 2, ', "")).encode()
    if "yaml" in content_type:
        body = b"# a comment makes it no JSON\n" + body
    path = deployments(namespace)
    strict = server.post(f"{path}?fieldValidation=Strict", body, content_type=content_type)
    assert strict.status == 400
    text = strict.json["message"]
    assert 'unknown field "spec.unknown1"' in text
    assert ('duplicate field "spec.replicas"' if "json" in content_type else '"replicas" already set') in text
    if "json" in content_type:
        warned = server.post(f"{path}?fieldValidation=Warn", body, content_type=content_type)
        assert warned.status == 201
        unknown, doubled = warned.warnings
        assert unknown == '299 - "unknown field \\"spec.unknown1\\""'
        assert doubled == '299 - "duplicate field \\"spec.replicas\\""'
        ignored = json.loads(body) | {"metadata": {"name": "b"}}
        answer = server.post(f"{path}?fieldValidation=Ignore", ignored)
        assert (answer.status, warnings(answer)) == (201, "")


def test_unknown_fields_of_a_rejected_object_are_reported_too(server: ApiServer, namespace: str) -> None:
    body = DEPLOYMENT % ("Bad_Name", "", '"unknown1": "val1", ', "", "")
    refused = server.post(deployments(namespace), body.encode())
    assert (refused.status, warnings(refused)) == (422, '299 - "unknown field \\"spec.unknown1\\""')


def test_field_validation_should_detect_unknown_fields_in_patches_and_apply(
    server: ApiServer, namespace: str
) -> None:
    path = deployments(namespace)
    good = (DEPLOYMENT % ("a", "", "", "", "")).encode()
    assert server.post(path, good).status == 201
    patch = {"spec": {"paused": True, "unknown1": "x"}}
    item = f"{path}/a?fieldValidation=Strict"
    refused = server.ask("PATCH", item, patch, content_type=MERGE)
    assert (refused.status, 'unknown field "spec.unknown1"' in refused.json["message"]) == (422, True)
    body = (DEPLOYMENT % ("a", "", '"unknown1": "val1", ', "", "")).encode()
    refused = server.ask("PATCH", f"{item}&fieldManager=m", body, content_type=APPLY)
    assert refused.status == 400
    assert ".spec.unknown1: field not declared in schema" in refused.json["message"]


@pytest.mark.entry("FieldValidation should detect unknown metadata fields of a typed object")
def test_field_validation_should_detect_unknown_metadata_fields_of_a_typed_object(
    server: ApiServer, namespace: str
) -> None:
    unknown = ', "unknownMeta": "foo"'
    body = (DEPLOYMENT % ("a", unknown, "", "", unknown)).encode()
    refused = server.post(f"{deployments(namespace)}?fieldValidation=Strict", body)
    assert refused.status == 400
    for where in ("metadata", "spec.template.metadata"):
        assert f'unknown field "{where}.unknownMeta"' in refused.json["message"]


@pytest.mark.parametrize(
    ("number", "code", "found"),
    [
        ("80.0", 201, 80),
        ("8e1", 201, 80),
        ("080", 201, 80),
        ("0x50", 201, 80),
        ("80.5", 400, None),
        ("1:20", 400, None),
        # Of what is too large for 32 bits the lower ones are taken.
        ("4294967376", 201, 80),
    ],
)
def test_numbers_that_are_applied_become_integers_as_in_go(
    server: ApiServer, namespace: str, number: str, code: int, found: int | None
) -> None:
    document = (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{ports: [{{port: {number}}}]}}\n"
    )
    path = f"/api/v1/namespaces/{namespace}/services/a?fieldManager=m"
    answer = server.ask("PATCH", path, document.encode(), content_type=APPLY)
    assert answer.status == code, answer.body
    if found is not None:
        assert answer.json["spec"]["ports"][0]["port"] == found


def test_a_generation_stays_where_the_kind_has_none_of_its_own(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    kept = server.post(path, {"metadata": {"name": "a", "generation": 7}})
    assert (kept.status, kept.json["metadata"]["generation"]) == (201, 7)
    changed = server.ask("PUT", f"{path}/a", {"metadata": {"name": "a", "generation": 9}, "data": {"a": "b"}})
    assert changed.json["metadata"]["generation"] == 7
    refused = server.post(path, {"metadata": {"name": "b", "generation": -1}})
    assert (refused.status, refused.json["message"]) == (
        422,
        'ConfigMap "b" is invalid: metadata.generation: Invalid value: -1: must be greater than or equal to 0',
    )
    made = server.post(deployments(namespace), (DEPLOYMENT % ("a", ', "generation": 7', "", "", "")).encode())
    assert (made.status, made.json["metadata"]["generation"]) == (201, 1)
