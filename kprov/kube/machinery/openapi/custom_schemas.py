"""The schemas of custom resources in OpenAPI documents.

Source: apiextensions-apiserver/pkg/controller/openapi/builder/builder.go, .../v2/conversion.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema.object_schema import Gvk

#: Encoded, by the kind of the objects. None: no schema.
Schemas = Mapping[Gvk, bytes | None]

_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_CONVENTIONS: Final = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
_API_VERSION: Final = {
    "description": (
        "APIVersion defines the versioned schema of this representation of an object. Servers should convert "
        "recognized schemas to the latest internal value, and may reject unrecognized values. More info: "
        f"{_CONVENTIONS}#resources"
    ),
    "type": "string",
}
_KIND: Final = {
    "description": (
        "Kind is a string value representing the REST resource this object represents. Servers may infer "
        "this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: "
        f"{_CONVENTIONS}#types-kinds"
    ),
    "type": "string",
}
_METADATA: Final = f"Standard object's metadata. More info: {_CONVENTIONS}#metadata"
_LIST_METADATA: Final = f"Standard list metadata. More info: {_CONVENTIONS}#types-kinds"
_EMBEDDED: Final = "x-kubernetes-embedded-resource"
_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
#: What version 2 does not have, or what clients of it do not understand.
_NOT_V2: Final = {"default", "nullable", "anyOf", "oneOf", "not"}


def publish_custom_schemas(
    resources: Iterable[Resource], schemas: Schemas, *, v3: bool
) -> dict[Gvk, tuple[str, JsonObject]]:
    """Return the names and schemas of custom resources and their lists, by kind."""
    schemas_by_gvk: dict[Gvk, tuple[str, JsonObject]] = {}
    prefix = "#/components/schemas/" if v3 else "#/definitions/"
    for resource in resources:
        if resource.gvk not in schemas:
            continue
        group, version, kind = resource.gvk
        base = ".".join((*reversed(group.split(".")), version))
        list_kind = resource.list_kind
        schemas_by_gvk[resource.gvk] = (
            f"{base}.{kind}",
            _publish(_decode(schemas[resource.gvk]), resource, prefix, v3=v3),
        )
        schemas_by_gvk[group, version, list_kind] = (
            f"{base}.{list_kind}",
            _publish_list(resource, f"{prefix}{base}.{kind}", prefix),
        )
    return schemas_by_gvk


def _decode(schema: bytes | None) -> JsonObject | None:
    return None if schema is None else orjson.loads(schema)


def _publish(schema: JsonObject | None, resource: Resource, prefix: str, *, v3: bool) -> JsonObject:
    if schema is None or (not v3 and schema.get(_PRESERVE)):
        published: JsonObject = {"type": "object", _PRESERVE: True}
    else:
        published = _convert(schema, prefix, v3=v3)
    _add_type_meta(published, prefix, v3=v3)
    return published | _describe_kind(*resource.gvk)


def _convert(schema: JsonObject, prefix: str, *, v3: bool) -> JsonObject:
    result: JsonObject = {}
    if not v3 and (schema.get(_PRESERVE) or schema.get("nullable")):
        # As upstream: old clients would refuse what such fields hold.
        dropped = {"type", "items", "properties"} if schema.get("nullable") else {"items", "properties"}
        schema = {name: value for name, value in schema.items() if name not in dropped}
    for name, value in schema.items():
        if name == "properties":
            result[name] = {key: _convert(child, prefix, v3=v3) for key, child in value.items()}
        elif name in {"items", "additionalProperties"} and isinstance(value, dict):
            result[name] = _convert(value, prefix, v3=v3)
        elif v3 or name not in _NOT_V2:
            result[name] = value
    if v3 and schema.get(_INT_OR_STRING) and not {"anyOf", "allOf"} & schema.keys():
        result["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if schema.get(_EMBEDDED) and "properties" in result:
        _add_type_meta(result, prefix, v3=v3)
    return result


def _add_type_meta(schema: JsonObject, prefix: str, *, v3: bool) -> None:
    """Add apiVersion, kind and metadata to the properties of an object."""
    reference: JsonObject = {"$ref": f"{prefix}{_META}ObjectMeta"}
    metadata = {"description": _METADATA, **({"allOf": [reference]} if v3 else reference)}
    known = {"apiVersion": _API_VERSION, "kind": _KIND, "metadata": metadata}
    schema["properties"] = {**schema.get("properties", {}), **known}


def _publish_list(resource: Resource, item: str, prefix: str) -> JsonObject:
    group, version, kind = resource.gvk
    items: dict[str, Any] = {
        "description": f"List of {resource.plural}. More info: "
        "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md",
        "items": {"$ref": item},
        "type": "array",
    }
    metadata = {"description": _LIST_METADATA, "$ref": f"{prefix}{_META}ListMeta"}
    return {
        "description": f"{resource.list_kind} is a list of {kind}",
        "type": "object",
        "required": ["items"],
        "properties": {"apiVersion": _API_VERSION, "items": items, "kind": _KIND, "metadata": metadata},
    } | _describe_kind(group, version, resource.list_kind)


def _describe_kind(group: str, version: str, kind: str) -> JsonObject:
    return {"x-kubernetes-group-version-kind": [{"group": group, "version": version, "kind": kind}]}
