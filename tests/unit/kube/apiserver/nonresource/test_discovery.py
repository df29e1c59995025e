"""Discovery of every built-in resource: both forms tell the same."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kprov.kube.apiserver.endpoints.discovery import AGGREGATED_TYPE, Discovery
from kprov.kube.machinery.resources import RESOURCES
from kprov.kube.machinery.status import StatusError

DISCOVERY = Discovery(RESOURCES, "10.0.0.1:6443")
AGGREGATED = f"{AGGREGATED_TYPE},application/json"


def read(path: str, accept: str = "application/json") -> Any:
    found = DISCOVERY.document(path, accept)
    assert found is not None
    return orjson.loads(found[0])


def plain(group_version: str) -> set[tuple[str, str, bool, tuple[str, ...]]]:
    path = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
    return {
        (each["name"], each["kind"], each["namespaced"], tuple(each["verbs"]))
        for each in read(path)["resources"]
    }


def aggregated(version: dict[str, Any]) -> set[tuple[str, str, bool, tuple[str, ...]]]:
    found = set()
    for each in version["resources"]:
        namespaced = each["scope"] == "Namespaced"
        found.add((each["resource"], each["responseKind"]["kind"], namespaced, tuple(each["verbs"])))
        for sub in each.get("subresources", ()):
            name = f"{each['resource']}/{sub['subresource']}"
            found.add((name, sub["responseKind"]["kind"], namespaced, tuple(sub["verbs"])))
    return found


@pytest.mark.parametrize("path", ["/api", "/apis"])
def test_the_aggregated_form_tells_what_the_plain_ones_tell(path: str) -> None:
    document = read(path, AGGREGATED)
    assert document["apiVersion"] == "apidiscovery.k8s.io/v2"
    for group in document["items"]:
        for version in group["versions"]:
            name = group["metadata"].get("name", "")
            text = f"{name}/{version['version']}" if name else version["version"]
            assert aggregated(version) == plain(text)


def test_every_resource_is_discovered() -> None:
    for resource in RESOURCES:
        assert resource.plural in {name for name, *_ in plain(resource.api_version)}


def test_groups_name_their_preferred_version_first() -> None:
    group = read("/apis/autoscaling")
    assert (
        group["preferredVersion"]
        == group["versions"][0]
        == {"groupVersion": "autoscaling/v2", "version": "v2"}
    )
    assert group["kind"] == "APIGroup"
    assert {each["name"] for each in read("/apis")["groups"]} == {
        each.group for each in RESOURCES if each.group
    }


def test_a_scale_says_its_own_group() -> None:
    entry = next(each for each in read("/apis/apps/v1")["resources"] if each["name"] == "deployments/scale")
    assert (entry["group"], entry["version"], entry["kind"]) == ("autoscaling", "v1", "Scale")


def test_media_type_and_etag_go_with_the_form() -> None:
    one, two = DISCOVERY.document("/apis", AGGREGATED), DISCOVERY.document("/apis/", "*/*")
    assert one is not None
    assert two is not None
    assert (one[1], two[1]) == (AGGREGATED_TYPE, "application/json")
    assert one[2] != two[2]
    assert DISCOVERY.document("/apis/none", "*/*") is None


def test_versions_of_one_storage_say_the_same_storage_version() -> None:
    def hash_of(group_version: str, name: str) -> str:
        path = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
        found = next(each for each in read(path)["resources"] if each["name"] == name)
        return str(found["storageVersionHash"])

    autoscalers = "horizontalpodautoscalers"
    assert hash_of("autoscaling/v1", autoscalers) == hash_of("autoscaling/v2", autoscalers) == "qwQve8ut294="
    assert hash_of("events.k8s.io/v1", "events") == hash_of("v1", "events") == "r2yiGXH7wu8="
    assert hash_of("apps/v1", "deployments") == "8aSe+NMegvE="


def test_the_aggregated_form_leaves_out_the_lists_own_group_and_version() -> None:
    groups = {each["metadata"]["name"]: each for each in read("/apis", AGGREGATED)["items"]}
    resources = {each["resource"]: each for each in groups["apps"]["versions"][0]["resources"]}
    deployments = resources["deployments"]
    assert deployments["responseKind"] == {"group": "", "version": "", "kind": "Deployment"}
    kinds = {each["subresource"]: each["responseKind"] for each in deployments["subresources"]}
    assert kinds["scale"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}


def test_a_form_that_there_is_none_of_is_refused() -> None:
    for accept in ("text/html", AGGREGATED_TYPE.replace("v=v2", "v=v2beta1")):
        with pytest.raises(StatusError) as caught:
            DISCOVERY.document("/apis", accept)
        assert caught.value.code == 406
