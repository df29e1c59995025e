"""The generated facts about upstream's Go types: their shape, and a few that are well known."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from kprov.kube.machinery.resources import list_resources
from kprov.kube.machinery.schema import definitions, object_schema
from kprov.kube.machinery.upstream import api_types
from kprov.kube.machinery.upstream.api_types import GoField

CORE = "api.core.v1"
META = "apimachinery.pkg.apis.meta.v1"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    text = files("kprov.kube.machinery.upstream").joinpath(f"{api_types.RELEASE}.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def field(type_name: str, name: str) -> GoField:
    return next(each for each in api_types.get(type_name).fields if each.name == name)


def test_the_facts_are_of_the_release_of_the_definitions(document: dict[str, Any]) -> None:
    assert document["release"] == api_types.RELEASE
    assert definitions.RELEASE.startswith(f"v{api_types.RELEASE}.")


def test_each_type_of_the_document_is_found(document: dict[str, Any]) -> None:
    for name, facts in document["types"].items():
        found = api_types.get(name)
        assert found.underlying == facts.get("type", "")
        assert [each.go_name for each in found.fields] == [each["go"] for each in facts.get("fields", ())]
        assert api_types.is_struct(name) == ("type" not in facts and "custom" not in facts)


def test_a_named_type_has_one_form_and_refers_to_types_that_are_there(document: dict[str, Any]) -> None:
    types = document["types"]
    for name, facts in types.items():
        assert len(facts.keys() & {"type", "custom", "fields"}) <= 1, name
        for each in facts.get("fields", ()):
            parts = each["type"].replace("[]", " ").replace("*", " ").replace("map[", " ").replace("]", " ")
            assert all(part in types for part in parts.split() if "." in part), (name, each)


def test_every_served_kind_has_a_type_with_the_fields_of_its_definition() -> None:
    for resource in list_resources():
        node = object_schema.builtin().node(resource.gvk)
        described = api_types.find(node.definition.removeprefix("io.k8s."))
        assert described is not None
        names = {each.name for each in api_types.flatten(described)} | {"kind", "apiVersion"}
        assert names == node.fields.keys(), resource.kind


def test_a_field_has_its_names_its_type_and_its_number() -> None:
    found = field(f"{CORE}.PodSpec", "dnsPolicy")
    assert found == GoField("dnsPolicy", "DNSPolicy", f"{CORE}.DNSPolicy", True, False, 6, None)
    assert field(f"{CORE}.ContainerPort", "protocol").default == "TCP"
    assert field(f"{CORE}.AzureDiskVolumeSource", "cachingMode").default == "ReadWrite"  # a constant's value
    assert field(f"{META}.ObjectMeta", "creationTimestamp").omitzero


def test_an_enumerated_type_has_its_values() -> None:
    assert api_types.get(f"{CORE}.DNSPolicy").enum == (
        "ClusterFirst",
        "ClusterFirstWithHostNet",
        "Default",
        "None",
    )
    assert api_types.get("api.discovery.v1.AddressType").enum == ("FQDN", "IPv4", "IPv6")
    assert api_types.get(f"{CORE}.ResourceName").enum == ()


@pytest.mark.parametrize(
    ("go_type", "resolved", "printed"),
    [
        (f"{CORE}.PodPhase", "string", "v1.PodPhase"),
        (
            f"{CORE}.ResourceList",
            f"map[{CORE}.ResourceName]apimachinery.pkg.api.resource.Quantity",
            "v1.ResourceList",
        ),
        (f"{META}.Time", f"{META}.Time", "v1.Time"),
        (f"[]{CORE}.Container", f"[]{CORE}.Container", "[]v1.Container"),
        ("int32", "int32", "int32"),
    ],
)
def test_types_resolve_and_print(go_type: str, resolved: str, printed: str) -> None:
    assert (api_types.resolve(go_type), api_types.print_name(go_type)) == (resolved, printed)


def test_unknown_types_are_not_found() -> None:
    assert api_types.find("api.core.v1.Nothing") is None
    with pytest.raises(KeyError, match="Nothing"):
        api_types.get("api.core.v1.Nothing")
