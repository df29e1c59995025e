import re

import orjson
import pytest

from kprov.kube.machinery import openapi
from kprov.kube.machinery.resources import group_versions


@pytest.mark.parametrize(("group", "version"), group_versions())
def test_every_reference_of_a_v3_document_is_in_it(group: str, version: str) -> None:
    text = openapi.v3(group, version)
    document = orjson.loads(text)
    referred = set(re.findall(r"#/components/schemas/([^\"]+)", text.decode()))
    assert referred <= set(document["components"]["schemas"])
    assert document["paths"]


def test_a_patch_shows_that_fields_are_validated_and_dry_runs_done() -> None:
    document = orjson.loads(openapi.v3("apps", "v1"))
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert {"dryRun", "fieldValidation", "fieldManager", "force"} == {
        each["name"] for each in patch["parameters"]
    }
    assert patch["x-kubernetes-group-version-kind"] == {
        "group": "apps",
        "version": "v1",
        "kind": "Deployment",
    }


def test_merge_keys_and_kinds_are_published_in_both_versions() -> None:
    third = orjson.loads(openapi.v3("", "v1"))["components"]["schemas"]
    second = orjson.loads(openapi.v2())["definitions"]
    for schemas in (third, second):
        containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
        assert containers["x-kubernetes-patch-merge-key"] == "name"
        assert schemas["io.k8s.api.core.v1.Pod"]["x-kubernetes-group-version-kind"][0]["kind"] == "Pod"
        assert schemas["io.k8s.api.core.v1.Pod"]["type"] == "object"


def test_the_index_leads_to_every_group_version() -> None:
    paths = openapi.v3_index()["paths"]
    assert len(paths) == len(group_versions())
    assert paths["api/v1"]["serverRelativeURL"].startswith("/openapi/v3/api/v1?hash=")


def test_version_3_says_which_fields_are_always_there() -> None:
    schemas = orjson.loads(openapi.v3("", "v1"))["components"]["schemas"]
    port = schemas["io.k8s.api.core.v1.ContainerPort"]["properties"]
    assert (port["protocol"]["default"], port["containerPort"]["default"]) == ("TCP", 0)
    pod = schemas["io.k8s.api.core.v1.Pod"]["properties"]
    assert (pod["spec"]["default"], "default" in pod["kind"]) == ({}, False)


def test_operations_say_what_they_answer() -> None:
    paths = orjson.loads(openapi.v3("apps", "v1"))["paths"]
    post = paths["/apis/apps/v1/namespaces/{namespace}/deployments"]["post"]
    assert (post["description"], post["tags"]) == ("create a Deployment", ["apps_v1"])
    assert set(post["responses"]) == {"200", "201", "202", "401"}
