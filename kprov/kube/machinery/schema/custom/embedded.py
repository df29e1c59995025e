"""Metadata of objects and of resources within them.

Source: apiextensions-apiserver pkg/apiserver/schema/objectmeta.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema import object_schema
from kprov.kube.machinery.schema.custom.node_tree import metadata_node
from kprov.kube.machinery.schema.custom.places import Place, format_path
from kprov.kube.machinery.schema.custom.structural import Structural

#: Metadata that Go omits if it is empty.
_OMITTED: Final[tuple[Any, ...]] = ("", {}, [])
_NOT_AN_OBJECT: Final = "json: cannot unmarshal {} into Go value of type v1.ObjectMeta"


class MetadataError(ValueError):
    """A field of metadata has a wrong type."""


def clean_metadata(holder: JsonObject) -> list[str]:
    """Decode the metadata of a resource in place. Return unknown fields. Raise MetadataError."""
    metadata = holder.get("metadata")
    if type(metadata) is not dict:
        if "metadata" not in holder:
            return []
        if metadata is None:
            holder["metadata"] = {}
            return []
        kind = object_schema.json_type_name(metadata)
        raise MetadataError(_NOT_AN_OBJECT.format(kind))
    report = object_schema.prune_struct(metadata_node(), metadata)
    if report.errors:
        raise MetadataError(report.errors[0])
    _omit_empty(metadata)
    return [f"metadata.{name}" for name in report.unknown_fields]


def repair_metadata(holder: JsonObject) -> None:
    """Decode stored metadata in place, and drop fields of wrong types."""
    metadata = holder.get("metadata")
    if type(metadata) is not dict:
        return
    for name in list(metadata):
        part = {name: metadata[name]}
        if object_schema.prune_struct(metadata_node(), part).errors or name not in part:
            del metadata[name]
        else:
            metadata[name] = part[name]
    _omit_empty(metadata)


def _omit_empty(metadata: JsonObject) -> None:
    for name in [name for name, held in metadata.items() if held in _OMITTED]:
        del metadata[name]
    if metadata.get("generation") == 0:
        del metadata["generation"]


def iterate_resources(
    value: Any, schema: Structural, place: Place = ()
) -> Iterator[tuple[Place, JsonObject]]:
    """Yield the resources within an object."""
    if not schema.has_embedded:
        return
    if type(value) is dict:
        if schema.embedded:
            yield place, value
        for name, held in value.items():
            child = schema.properties.get(name)
            if child is not None:
                yield from iterate_resources(held, child, (place, name))
            elif isinstance(schema.additional, Structural):
                yield from iterate_resources(held, schema.additional, (place, name, True))
    elif type(value) is list and schema.items is not None:
        for index, held in enumerate(value):
            yield from iterate_resources(held, schema.items, (place, index))


def coerce(obj: JsonObject, schema: Structural) -> tuple[list[str], FieldError | None]:
    """Decode the metadata of all resources within an object. Return unknown fields and the first error."""
    unknown: list[str] = []
    for place, resource in iterate_resources(obj, schema):
        path = format_path(place)
        prefix = f"{path}." if path else ""
        for name in ("apiVersion", "kind"):
            if name in resource and type(resource[name]) is not str:
                return unknown, field.invalid(f"{prefix}{name}", resource[name], "must be a string")
        try:
            unknown += [prefix + name for name in clean_metadata(resource)]
        except MetadataError as error:
            return unknown, field.invalid(f"{prefix}metadata", resource["metadata"], str(error))
    return unknown, None


def repair(obj: JsonObject, schema: Structural) -> None:
    """Drop metadata of wrong types from all resources within a stored object."""
    for _, resource in iterate_resources(obj, schema):
        for name in ("apiVersion", "kind"):
            if name in resource and type(resource[name]) is not str:
                del resource[name]
        repair_metadata(resource)


def find_errors(
    obj: JsonObject,
    schema: Structural,
    check_metadata: Callable[[JsonObject], list[FieldError]] | None = None,
) -> Iterator[FieldError]:
    """Yield the broken rules of all resources within an object. check_metadata: with paths from metadata."""
    for place, resource in iterate_resources(obj, schema):
        path = format_path(place)
        prefix = f"{path}." if path else ""
        yield from _check_type_meta(resource, prefix)
        metadata = resource.get("metadata")
        if "metadata" in resource and type(metadata) is not dict:
            text = _NOT_AN_OBJECT.format(object_schema.json_type_name(metadata))
            yield field.invalid(f"{prefix}metadata", metadata, text)
        elif check_metadata is not None and metadata:
            for error in check_metadata(metadata):
                yield FieldError(error.reason, prefix + error.field, error.detail)


def _check_type_meta(resource: JsonObject, prefix: str) -> Iterator[FieldError]:
    for name in ("apiVersion", "kind"):
        value = resource.get(name)
        if name not in resource:
            yield field.required(f"{prefix}{name}")
        elif type(value) is not str:
            yield field.invalid(f"{prefix}{name}", value, "must be a string")
        elif not value:
            yield field.invalid(f"{prefix}{name}", value, "must not be empty")
        elif name == "apiVersion":
            if value.count("/") > 1:
                yield field.invalid(f"{prefix}{name}", value, f"unexpected GroupVersion string: {value}")
        elif faults := names.is_dns1035_label(value.lower()):
            text = f"may have mixed case, but should otherwise match: {','.join(faults)}"
            yield field.invalid(f"{prefix}{name}", value, text)
