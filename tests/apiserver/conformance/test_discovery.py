"""Discovery, aggregated discovery, the version, and what there is no table of."""

from __future__ import annotations

import re

import pytest

from tests.apiserver.conformance import definitions
from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.conformance.definitions import Gadgets
from tests.apiserver.servers import ApiServer

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
WEBHOOKS = {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}


@pytest.mark.entry("Discovery should validate PreferredVersion for each APIGroup")
def test_discovery_should_validate_preferred_version_for_each_api_group(server: ApiServer) -> None:
    for group in ok(server, "GET", "/apis")["groups"]:
        described = ok(server, "GET", f"/apis/{group['name']}")
        assert described["preferredVersion"] == group["preferredVersion"]
        assert described["preferredVersion"] in described["versions"]


@pytest.mark.entry("Discovery should locate the groupVersion and a resource within each APIGroup")
def test_discovery_should_locate_the_group_version_and_a_resource_within_each_api_group(
    server: ApiServer,
) -> None:
    for group in ok(server, "GET", "/apis")["groups"]:
        for version in group["versions"]:
            listed = ok(server, "GET", f"/apis/{version['groupVersion']}")
            assert listed["groupVersion"] == version["groupVersion"]
            assert listed["resources"]


@pytest.mark.entry("AggregatedDiscovery should support aggregated discovery interface")
def test_aggregated_discovery_should_support_aggregated_discovery_interface(server: ApiServer) -> None:
    found = set()
    for path in ("/api", "/apis"):
        for group in ok(server, "GET", path, headers={"Accept": AGGREGATED})["items"]:
            for version in group["versions"]:
                assert version["freshness"] == "Current"
                name = group["metadata"].get("name", "")
                found |= {(name, version["version"], each["resource"]) for each in version["resources"]}
    expected = {
        ("", "v1", "pods"),
        ("apps", "v1", "deployments"),
        ("events.k8s.io", "v1", "events"),
        ("autoscaling", "v1", "horizontalpodautoscalers"),
        ("autoscaling", "v2", "horizontalpodautoscalers"),
        ("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
        ("apiregistration.k8s.io", "v1", "apiservices"),
        ("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies"),
    }
    assert expected <= found


@pytest.mark.entry("AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers")
def test_aggregated_discovery_should_support_raw_aggregated_discovery_endpoint_accept_headers(
    server: ApiServer,
) -> None:
    for path in ("/api", "/apis"):
        for accept in (AGGREGATED, f"{AGGREGATED},application/json", f"application/xml,{AGGREGATED}"):
            answer = server.get(path, headers={"Accept": accept})
            assert answer.headers["Content-Type"] == AGGREGATED
            assert (answer.json["kind"], answer.json["apiVersion"]) == (
                "APIGroupDiscoveryList",
                "apidiscovery.k8s.io/v2",
            )
        plain = server.get(path, headers={"Accept": "application/json"})
        assert plain.json["kind"] in {"APIGroupList", "APIVersions"}
        unknown = server.get(path, headers={"Accept": AGGREGATED.replace("v=v2", "v=v3")})
        assert unknown.status == 406


@pytest.mark.entry("AggregatedDiscovery should support raw aggregated discovery request for CRDs")
@pytest.mark.entry("AggregatedDiscovery should support aggregated discovery interface for CRDs")
def test_aggregated_discovery_shows_the_resources_of_definitions(server: ApiServer) -> None:
    gadgets = Gadgets(server)
    gadgets.define([definitions.version()])

    def list_resources() -> list[tuple[str, str, str]]:
        groups = ok(server, "GET", "/apis", headers={"Accept": AGGREGATED})["items"]
        return [
            (found["version"], resource["resource"], resource["responseKind"]["kind"])
            for group in groups
            if group["metadata"]["name"] == gadgets.group
            for found in group["versions"]
            for resource in found["resources"]
        ]

    assert eventually(list_resources) == [("v1", "gadgets", "Gadget")]
    gadgets.remove()
    eventually(lambda: not list_resources())


@pytest.mark.entry("AdmissionWebhook should include webhook resources in discovery documents")
def test_admission_webhook_should_include_webhook_resources_in_discovery_documents(
    server: ApiServer,
) -> None:
    listed = ok(server, "GET", "/apis/admissionregistration.k8s.io/v1")
    assert {each["name"] for each in listed["resources"]} >= WEBHOOKS


@pytest.mark.entry(
    "CustomResourceDefinition resources should include custom resource definition resources in discovery documents"
)
def test_custom_resource_definition_should_include_resources_in_discovery_documents(
    server: ApiServer,
) -> None:
    listed = ok(server, "GET", "/apis/apiextensions.k8s.io/v1")
    assert "customresourcedefinitions" in {each["name"] for each in listed["resources"]}


@pytest.mark.entry("server version should find the server version")
def test_server_version_should_find_the_server_version(server: ApiServer) -> None:
    version = ok(server, "GET", "/version")
    assert version["major"] == "1"
    assert re.fullmatch(r"[0-9]+\+?", version["minor"])
    assert version["gitVersion"].startswith(f"v1.{version['minor']}")


@pytest.mark.entry(
    "Servers with support for Table transformation should return a 406 for a backend which does not implement metadata"
)
def test_table_transformation_should_return_a_406_for_a_backend_which_does_not_implement_metadata(
    server: ApiServer,
) -> None:
    body = {"spec": {"resourceAttributes": {"namespace": "default", "verb": "list", "resource": "pods"}}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = server.post(path, body, headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    assert (answer.status, answer.json["reason"]) == (406, "NotAcceptable")
    with_a_fallback = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    assert server.post(path, body, headers=with_a_fallback).json["kind"] == "SelfSubjectAccessReview"
