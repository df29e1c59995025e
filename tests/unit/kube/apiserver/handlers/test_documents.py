"""The documents follow the registry of kinds."""

from __future__ import annotations

import orjson
from multidict import CIMultiDict

from kprov.kube.apiserver.handlers.documents import Documents
from kprov.kube.apiserver.registry.apiextensions.custom_resource.kind_builder import build_kinds
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.registry.served_kind import ServedKind
from kprov.kube.apiserver.registry.served_kinds import ServedKinds
from kprov.kube.component_base.http11.request import Request
from kprov.kube.machinery.resources import Resource, list_resources
from kprov.kube.machinery.schema import object_schema

TYPES = object_schema.builtin()
GROUP = "/apis/example.com/v1"


async def read_resources(documents: Documents, path: str) -> list[str] | None:
    """Return the plurals in the discovery document of a path, None if there is no document."""
    response = await documents.answer(Request("GET", path, CIMultiDict()))
    if response is None:
        return None
    return [entry["name"] for entry in orjson.loads(response.body)["resources"]]


async def test_discovery_shows_a_published_kind_until_it_is_removed() -> None:
    kinds = ServedKinds(
        ServedKind(resource, TYPES) for resource in list_resources() if resource.group == "batch"
    )
    documents = Documents(kinds, lambda _: True, "10.0.0.1:6443", {})
    assert await read_resources(documents, GROUP) is None
    widget = Resource("example.com", "v1", "Widget", "widgets", "widget", namespaced=True)
    kinds.publish("widgets.example.com", [ServedKind(widget, TYPES)])
    assert await read_resources(documents, GROUP) == ["widgets"]
    index = await documents.answer(Request("GET", "/openapi/v3", CIMultiDict()))
    assert index is not None
    assert "apis/example.com/v1" in orjson.loads(index.body)["paths"]
    kinds.publish("widgets.example.com", [])
    assert await read_resources(documents, GROUP) is None
    assert await read_resources(documents, "/apis/batch/v1") is not None


async def test_openapi_shows_the_new_schema_of_a_changed_definition(registry: Registry) -> None:
    kinds = registry.kinds
    documents = Documents(kinds, lambda _: True, "10.0.0.1:6443", {})

    def publish(*fields: str) -> None:
        properties = {name: {"type": "string"} for name in fields}
        schema = {"type": "object", "properties": properties}
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
        definition = {
            "metadata": {"name": "widgets.example.com", "uid": "1"},
            "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
            "status": {"acceptedNames": names},
        }
        made = build_kinds(definition, registry.storage, registry.cacher)
        kinds.publish("widgets.example.com", made.kinds)

    async def read_fields() -> set[str]:
        response = await documents.answer(Request("GET", "/openapi/v3/apis/example.com/v1", CIMultiDict()))
        assert response is not None
        schemas = orjson.loads(response.body)["components"]["schemas"]
        return set(schemas["com.example.v1.Widget"]["properties"]) - {"apiVersion", "kind", "metadata"}

    publish("size")
    assert await read_fields() == {"size"}
    publish("size", "color")
    assert await read_fields() == {"size", "color"}
