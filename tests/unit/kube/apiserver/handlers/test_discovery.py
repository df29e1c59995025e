"""Discovery of every built-in resource: both forms tell the same."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.handlers.discovery import AGGREGATED_TYPE, Discovery
from kprov.kube.machinery.resources import list_resources
from kprov.kube.machinery.status import StatusError

DISCOVERY = Discovery(list_resources(), "10.0.0.1:6443")
AGGREGATED = f"{AGGREGATED_TYPE},application/json"


def read(path: str, accept: str = "application/json") -> Any:
    found = DISCOVERY.find_aggregated(path, accept)
    return DISCOVERY.find_plain(path) if found is None else found[0]


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
    for resource in list_resources():
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
        each.group for each in list_resources() if each.group
    }


def test_a_scale_says_its_own_group() -> None:
    entry = next(each for each in read("/apis/apps/v1")["resources"] if each["name"] == "deployments/scale")
    assert (entry["group"], entry["version"], entry["kind"]) == ("autoscaling", "v1", "Scale")


@pytest.mark.parametrize(
    "accept",
    [
        AGGREGATED_TYPE,
        f"application/json,{AGGREGATED_TYPE}",
        f"{AGGREGATED_TYPE};q=0.1,application/json;q=0.9",
        f"{AGGREGATED_TYPE};profile=nopeer",
    ],
)
def test_who_takes_the_aggregated_form_gets_it_whatever_stands_first(accept: str) -> None:
    found = DISCOVERY.find_aggregated("/apis", accept)
    assert found is not None
    assert found[1] == AGGREGATED_TYPE
    assert found[2].startswith('"')


def test_the_aggregated_form_is_there_as_yaml_and_only_of_both_roots() -> None:
    as_yaml = AGGREGATED_TYPE.replace("json", "yaml")
    found = DISCOVERY.find_aggregated("/api", as_yaml)
    assert found is not None
    assert found[1] == as_yaml
    assert DISCOVERY.find_aggregated("/apis", "*/*") is None
    assert DISCOVERY.find_aggregated("/apis/apps", AGGREGATED_TYPE) is None
    assert DISCOVERY.find_plain("/apis/none") is None


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


def test_a_version_of_the_aggregated_form_that_is_gone_is_not_it() -> None:
    assert DISCOVERY.find_aggregated("/apis", AGGREGATED_TYPE.replace("v=v2", "v=v2beta1")) is None


def test_a_route_wants_a_media_type_by_its_name() -> None:
    for accept in ("text/html", "application/*", "Application/JSON"):
        with pytest.raises(StatusError) as caught:
            DISCOVERY.find_aggregated("/api", accept)
        assert caught.value.code == 406
        assert DISCOVERY.find_aggregated("/apis", accept) is None
