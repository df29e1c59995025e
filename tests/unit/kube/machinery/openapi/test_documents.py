import re

import orjson
import pytest

from kprov.kube.machinery.openapi import documents
from kprov.kube.machinery.resources import group_versions, list_resources


@pytest.mark.parametrize(("group", "version"), group_versions())
def test_every_reference_of_a_v3_document_is_in_it(group: str, version: str) -> None:
    text = documents.v3(group, version, list_resources())
    document = orjson.loads(text)
    referred = set(re.findall(r"#/components/schemas/([^\"]+)", text.decode()))
    assert referred <= set(document["components"]["schemas"])
    assert document["paths"]


def test_a_patch_shows_that_fields_are_validated_and_dry_runs_done() -> None:
    document = orjson.loads(documents.v3("apps", "v1", list_resources()))
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
    third = orjson.loads(documents.v3("", "v1", list_resources()))["components"]["schemas"]
    second = orjson.loads(documents.v2(list_resources()))["definitions"]
    for schemas in (third, second):
        containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
        assert containers["x-kubernetes-patch-merge-key"] == "name"
        assert schemas["io.k8s.api.core.v1.Pod"]["x-kubernetes-group-version-kind"][0]["kind"] == "Pod"
        assert schemas["io.k8s.api.core.v1.Pod"]["type"] == "object"


def test_the_index_leads_to_every_group_version() -> None:
    groups = documents.group_by_path(list_resources())
    paths = documents.v3_index({path: documents.etag(held) for path, held in groups.items()})["paths"]
    assert len(paths) == len(group_versions())
    assert paths["api/v1"]["serverRelativeURL"].startswith("/openapi/v3/api/v1?hash=")


def test_version_3_says_which_fields_are_always_there() -> None:
    schemas = orjson.loads(documents.v3("", "v1", list_resources()))["components"]["schemas"]
    port = schemas["io.k8s.api.core.v1.ContainerPort"]["properties"]
    assert (port["protocol"]["default"], port["containerPort"]["default"]) == ("TCP", 0)
    pod = schemas["io.k8s.api.core.v1.Pod"]["properties"]
    assert (pod["spec"]["default"], "default" in pod["kind"]) == ({}, False)


def test_operations_say_what_they_answer() -> None:
    paths = orjson.loads(documents.v3("apps", "v1", list_resources()))["paths"]
    post = paths["/apis/apps/v1/namespaces/{namespace}/deployments"]["post"]
    assert (post["description"], post["tags"]) == ("create a Deployment", ["apps_v1"])
    assert set(post["responses"]) == {"200", "201", "202", "401"}


def test_enumerated_fields_say_their_values_in_both_versions() -> None:
    third = orjson.loads(documents.v3("", "v1", list_resources()))["components"]["schemas"]
    second = orjson.loads(documents.v2(list_resources()))["definitions"]
    for schemas in (third, second):
        effect = schemas["io.k8s.api.core.v1.Taint"]["properties"]["effect"]
        assert effect["enum"] == ["NoExecute", "NoSchedule", "PreferNoSchedule"]
        assert effect["description"].endswith(
            'Possible enum values:\n - `"NoExecute"`\n - `"NoSchedule"`\n - `"PreferNoSchedule"`'
        )
        families = schemas["io.k8s.api.core.v1.ServiceSpec"]["properties"]["ipFamilies"]
        assert families["items"]["enum"] == ["", "IPv4", "IPv6"]
        statuses = schemas["io.k8s.api.core.v1.PersistentVolumeClaimStatus"]["properties"]
        assert len(statuses["allocatedResourceStatuses"]["additionalProperties"]["enum"]) == 5
    usages = orjson.loads(documents.v3("certificates.k8s.io", "v1", list_resources()))["components"][
        "schemas"
    ]
    spec = usages["io.k8s.api.certificates.v1.CertificateSigningRequestSpec"]["properties"]
    assert "digital signature" in spec["usages"]["items"]["enum"]


@pytest.mark.parametrize(
    ("group", "plural", "operation", "tag"),
    [
        (
            "rbac.authorization.k8s.io",
            "clusterroles",
            "listRbacAuthorizationV1ClusterRole",
            "rbacAuthorization_v1",
        ),
        (
            "flowcontrol.apiserver.k8s.io",
            "flowschemas",
            "listFlowcontrolApiserverV1FlowSchema",
            "flowcontrolApiserver_v1",
        ),
        ("storage.k8s.io", "csinodes", "listStorageV1CSINode", "storage_v1"),
    ],
)
def test_operations_are_named_after_all_words_of_their_group(
    group: str, plural: str, operation: str, tag: str
) -> None:
    item = orjson.loads(documents.v3(group, "v1", list_resources()))["paths"][f"/apis/{group}/v1/{plural}"]
    assert (item["get"]["operationId"], item["get"]["tags"]) == (operation, [tag])
    assert "application/json;stream=watch" in item["get"]["responses"]["200"]["content"]
    assert [each["name"] for each in item["parameters"]] == ["pretty"]


def test_shared_types_say_only_the_kinds_of_their_document() -> None:
    schemas = orjson.loads(documents.v3("apps", "v1", list_resources()))["components"]["schemas"]
    options = schemas["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"]
    assert options["x-kubernetes-group-version-kind"] == [
        {"group": "", "kind": "DeleteOptions", "version": "v1"},
        {"group": "apps", "kind": "DeleteOptions", "version": "v1"},
    ]


@pytest.mark.parametrize("part", ["attach", "exec", "portforward"])
def test_operations_of_connections_are_named_by_their_method(part: str) -> None:
    path = orjson.loads(documents.v3("", "v1", list_resources()))["paths"][
        f"/api/v1/namespaces/{{namespace}}/pods/{{name}}/{part}"
    ]
    for method in ("get", "post"):
        name = f"connectCoreV1{method.capitalize()}NamespacedPod{part.capitalize()}"
        assert path[method]["operationId"] == name
