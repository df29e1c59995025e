"""OpenAPI documents of the served API: one for v2, and one per group version for v3.

Schemas come from the definitions of 1.36 with upstream's extensions (list types, merge keys, kinds), paths
from the resource table. kubectl needs v3 for explain, apply, diff, and to see that the server validates.
Each call builds a document (core/v1: about 50 ms, 1 MiB), so callers keep it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

import orjson

from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.openapi import enums
from kprov.kube.machinery.openapi.custom_schemas import Schemas, publish_custom_schemas
from kprov.kube.machinery.openapi.defaults import find_default
from kprov.kube.machinery.openapi.paths import (
    CONNECT,
    PARAMETERS,
    PATCH_BODY,
    Operation,
    operations,
)
from kprov.kube.machinery.patch.patch_types import CUSTOM_PATCH_TYPES, PATCH_TYPES
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema import definitions
from kprov.kube.machinery.schema.object_schema import Gvk

_INFO = {"title": "Kubernetes", "version": definitions.RELEASE}
_MEDIA_TYPES = ("application/json", "application/yaml")
#: Media types of watches, in addition to those of lists.
_STREAMS = ("application/json;stream=watch",)
_SCHEMES = {
    "BearerToken": {
        "description": "Bearer Token authentication",
        "in": "header",
        "name": "authorization",
        "type": "apiKey",
    }
}
#: Increase this number if the form of documents changes: clients cache documents by hash without limit.
_FORM = 3
#: To what the schemas of custom resources refer.
_CUSTOM_REFERENCES = {
    "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
}
_CODES = {200: "OK", 201: "Created", 202: "Accepted"}
_OLD_REF = "#/$defs/"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_PATH_PARAMETERS = {
    "name": "name of the object",
    "namespace": "object name and auth scope, such as for teams",
}


def etag(served: Iterable[Resource], digests: Mapping[Gvk, str] | None = None) -> str:
    """Return a hash that changes if the document of a group version does. It does not build the document.

    served: the resources of the group version. digests: of the schemas of custom resources.
    """
    described = [f"{resource!r} {(digests or {}).get(resource.gvk, '')}" for resource in served]
    size = definitions.path().stat().st_size
    text = f"{_FORM} {definitions.RELEASE} {size} {described}"
    return hashlib.sha512(text.encode(), usedforsecurity=False).hexdigest().upper()


def group_by_path(resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    """Group resources by their group version, which is the path of its document below /openapi/v3/."""
    groups: dict[str, list[Resource]] = {}
    for resource in resources:
        groups.setdefault(resource.api_path.removeprefix("/"), []).append(resource)
    return groups


def v3_index(etags: Mapping[str, str]) -> JsonObject:
    """Return the response of /openapi/v3: the URL of each group version's document. etags: by path."""
    return {
        "paths": {
            path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={value}"} for path, value in etags.items()
        }
    }


def v3(group: str, version: str, resources: Iterable[Resource], schemas: Schemas | None = None) -> bytes:
    """Return the OpenAPI v3 document of one group version as JSON. schemas: of custom resources."""
    raw = definitions.load()
    served = [
        candidate for candidate in resources if (candidate.group, candidate.version) == (group, version)
    ]
    custom = publish_custom_schemas(served, schemas or {}, v3=True)
    names = _definition_names(raw) | {gvk: name for gvk, (name, _) in custom.items()}
    paths: JsonObject = {}
    used: set[str] = set()
    for resource in served:
        for operation in operations(resource):
            paths.setdefault(operation.path, {"parameters": list(_v3_path_parameters(operation.path))})[
                operation.method
            ] = _v3_operation(operation, names, _list_patch_types(resource, custom))
            used |= {name for name in _iterate_types(operation, names) if name}
    document = {
        "openapi": "3.0.0",
        "info": _INFO,
        "paths": paths,
        "components": {
            "schemas": {
                name: _limit_to_group(
                    _publish_schema(name, raw[name], "#/components/schemas/", v3=True),
                    {("", "v1"), (group, version)},
                )
                for name in _collect_references(used | (_CUSTOM_REFERENCES if custom else set()), raw)
            }
            | dict(custom.values()),
            "securitySchemes": _SCHEMES,
        },
    }
    return go_json.dumps(document)


def v2(resources: Iterable[Resource], schemas: Schemas | None = None) -> bytes:
    """Return the OpenAPI v2 (Swagger) document of everything as JSON. schemas: of custom resources."""
    raw = definitions.load()
    resources = tuple(resources)
    custom = publish_custom_schemas(resources, schemas or {}, v3=False)
    names = _definition_names(raw) | {gvk: name for gvk, (name, _) in custom.items()}
    paths: JsonObject = {}
    for resource in resources:
        for operation in operations(resource):
            entry = paths.setdefault(
                operation.path, {"parameters": list(_v2_path_parameters(operation.path))}
            )
            entry[operation.method] = _v2_operation(operation, names, _list_patch_types(resource, custom))
    document = {
        "swagger": "2.0",
        "info": _INFO,
        "paths": paths,
        "definitions": {
            name: _publish_schema(name, schema, "#/definitions/", v3=False) for name, schema in raw.items()
        }
        | dict(custom.values()),
        "securityDefinitions": _SCHEMES,
        "security": [{"BearerToken": []}],
    }
    return orjson.dumps(document)


def _definition_names(raw: definitions.Definitions) -> dict[tuple[str, str, str], str]:
    return {
        (kind["group"], kind["version"], kind["kind"]): name
        for name, definition in raw.items()
        for kind in definition.get("x-kubernetes-group-version-kind", ())
    }


def _iterate_types(operation: Operation, names: dict[tuple[str, str, str], str]) -> Iterator[str | None]:
    for held in (operation.body, operation.response):
        if held is not None:
            yield held if isinstance(held, str) else names.get(held)


def _collect_references(used: set[str], raw: definitions.Definitions) -> list[str]:
    """Return the names of the definitions and of all that they refer to, sorted."""
    pending, names = list(used), set()
    while pending:
        name = pending.pop()
        if name in names or name not in raw:
            continue
        names.add(name)
        pending += _iterate_references(raw[name])
    return sorted(names)


def _limit_to_group(schema: JsonObject, versions: set[tuple[str, str]]) -> JsonObject:
    """Remove kinds of other groups from a type that many groups share (DeleteOptions)."""
    kinds = schema.get("x-kubernetes-group-version-kind", ())
    if len(kinds) > 1:
        kept = [kind for kind in kinds if (kind["group"], kind["version"]) in versions]
        schema["x-kubernetes-group-version-kind"] = kept
    return schema


def _iterate_references(schema: JsonObject) -> Iterator[str]:
    if "$ref" in schema:
        yield schema["$ref"].removeprefix(_OLD_REF)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from _iterate_references(schema[name])
    for child in schema.get("properties", {}).values():
        yield from _iterate_references(child)


def _publish_schema(name: str, schema: JsonObject, prefix: str, *, v3: bool) -> JsonObject:
    """Return a definition as upstream publishes it: plain types, no nulls, no enumerated kinds."""
    if name == _INT_OR_STRING:
        kinds: JsonObject = {"oneOf": [{"type": "integer"}, {"type": "string"}]} if v3 else {"type": "string"}
        return {"description": schema.get("description", ""), "format": "int-or-string", **kinds}
    if name == _QUANTITY:
        kinds = {"oneOf": [{"type": "string"}, {"type": "number"}]} if v3 else {"type": "string"}
        return {"description": schema.get("description", ""), **kinds}
    result = _convert_schema(schema, prefix, v3=v3)
    enums.add_enums(name, result)
    if v3:
        _add_defaults(name, result)
    return result


def _add_defaults(name: str, schema: JsonObject) -> None:
    """Set the defaults of fields, which only v3 publishes."""
    for field, held in schema.get("properties", {}).items():
        pointed: JsonObject = held["allOf"][0] if "allOf" in held else held
        reference = pointed.get("$ref", "").rpartition("/")[2]
        default = find_default(name, field, reference)
        if default is not None and not (reference and default != {}):
            _set_default(held, default)


def _set_default(schema: JsonObject, zero: Any) -> None:
    if "$ref" in schema:
        schema["allOf"] = [{"$ref": schema.pop("$ref")}]
    schema["default"] = zero


def _convert_schema(schema: JsonObject, prefix: str, *, v3: bool) -> JsonObject:
    result: JsonObject = {}
    for name, value in schema.items():
        if name == "$ref":
            reference = {"$ref": prefix + value.removeprefix(_OLD_REF)}
            # OpenAPI 3 ignores fields next to a $ref.
            if v3 and len(schema) > 1:
                result["allOf"] = [reference]
            else:
                result |= reference
        elif name == "type":
            result["type"] = value if isinstance(value, str) else value[0]
        elif name == "properties":
            result["properties"] = {
                key: _convert_schema(child, prefix, v3=v3) for key, child in value.items()
            }
        elif name in {"items", "additionalProperties"} and isinstance(value, dict):
            result[name] = _convert_schema(value, prefix, v3=v3)
        elif name not in {"enum", "oneOf"}:
            result[name] = value
    return result


def _path_names(path: str) -> list[str]:
    return [name for name in ("name", "namespace") if f"{{{name}}}" in path]


def _takes_pretty(path: str) -> bool:
    """Whether a path takes ?pretty: all but connections."""
    return path.rpartition("/")[2] not in CONNECT


def _v3_path_parameters(path: str) -> Iterator[JsonObject]:
    for name in _path_names(path):
        text = _PATH_PARAMETERS[name]
        schema = {"type": "string", "uniqueItems": True}
        yield {"name": name, "in": "path", "description": text, "required": True, "schema": schema}
    if _takes_pretty(path):
        kind, text = PARAMETERS["pretty"]
        schema = {"type": kind, "uniqueItems": True}
        yield {"name": "pretty", "in": "query", "description": text, "schema": schema}


def _v2_path_parameters(path: str) -> Iterator[JsonObject]:
    for name in _path_names(path):
        text = _PATH_PARAMETERS[name]
        yield {
            "name": name,
            "in": "path",
            "description": text,
            "required": True,
            "type": "string",
            "uniqueItems": True,
        }
    if _takes_pretty(path):
        kind, text = PARAMETERS["pretty"]
        yield {"name": "pretty", "in": "query", "description": text, "type": kind, "uniqueItems": True}


def _describe_operation(operation: Operation) -> JsonObject:
    group, version, kind = operation.gvk
    return {
        "description": operation.description,
        "operationId": operation.operation_id,
        "tags": [operation.tag],
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind},
    }


def _list_patch_types(resource: Resource, custom: Container[Gvk]) -> tuple[str, ...]:
    """Return the media types of patches. kubectl sends a strategic merge patch wherever it is listed."""
    return CUSTOM_PATCH_TYPES if resource.gvk in custom else PATCH_TYPES


def _v3_operation(
    operation: Operation, names: dict[tuple[str, str, str], str], patch_types: tuple[str, ...]
) -> JsonObject:
    result = _describe_operation(operation)
    result["parameters"] = [
        {"name": name, "in": "query", "description": text, "schema": {"type": kind, "uniqueItems": True}}
        for name in operation.parameters
        for kind, text in (PARAMETERS[name],)
    ]

    def content(held: tuple[str, str, str] | str | None, media_types: Iterable[str]) -> JsonObject | None:
        name = held if isinstance(held, str) else names.get(held) if held else None
        if name is None:
            return None
        reference = {"schema": {"$ref": f"#/components/schemas/{name}"}}
        return dict.fromkeys(media_types, reference)

    body = content(operation.body, patch_types if operation.body == PATCH_BODY else ("*/*",))
    if body is not None:
        result["requestBody"] = {"content": body}
        if operation.method != "delete":
            result["requestBody"]["required"] = True
    streams = _STREAMS if operation.action == "list" else ()
    answer = content(operation.response, (*_MEDIA_TYPES, *streams))
    result["responses"] = _list_responses(operation, {} if answer is None else {"content": answer})
    return result


def _list_responses(operation: Operation, answer: JsonObject) -> JsonObject:
    codes: JsonObject = {str(code): {"description": _CODES[code]} | answer for code in operation.codes}
    return codes | {"401": {"description": "Unauthorized"}}


def _v2_operation(
    operation: Operation, names: dict[tuple[str, str, str], str], patch_types: tuple[str, ...]
) -> JsonObject:
    result = _describe_operation(operation)
    result["consumes"] = list(patch_types) if operation.body == PATCH_BODY else ["*/*"]
    result["produces"] = [*_MEDIA_TYPES, *(_STREAMS if operation.action == "list" else ())]
    result["schemes"] = ["https"]
    result["parameters"] = [
        {"name": name, "in": "query", "description": text, "type": kind, "uniqueItems": True}
        for name in operation.parameters
        for kind, text in (PARAMETERS[name],)
    ]
    body = operation.body if isinstance(operation.body, str) else names.get(operation.body or ("", "", ""))
    if body is not None:
        schema = {"$ref": f"#/definitions/{body}"}
        result["parameters"].append({"name": "body", "in": "body", "schema": schema})
        if operation.method != "delete":
            result["parameters"][-1]["required"] = True
    held = operation.response
    answer = held if isinstance(held, str) else names.get(held or ("", "", ""))
    shown: JsonObject = {} if answer is None else {"schema": {"$ref": f"#/definitions/{answer}"}}
    result["responses"] = _list_responses(operation, shown)
    return result
