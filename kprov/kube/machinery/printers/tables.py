"""Server-side tables for `kubectl get`: meta.k8s.io/v1 Table objects."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.machinery.printers.columns import Column, load_columns
from kprov.kube.machinery.printers.kinds import PRINTERS
from kprov.kube.machinery.printers.pods import row_conditions
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema import definitions

_FLOW_SCHEMA = ("flowcontrol.apiserver.k8s.io", "FlowSchema")
#: Upstream takes metadata from its internal type, which has a field instead of this annotation.
_FIELDS_AS_ANNOTATIONS = {
    "DaemonSet": "deprecated.daemonset.template.generation",
    "Deployment": "deprecated.deployment.rollback.revision",
}
_SHARED = {("events.k8s.io", "Event"): ("", "Event")}


@dataclass(frozen=True, slots=True)
class KindColumns:
    """The columns of a kind without a printer of its own. build_cells: from (object, Unix time)."""

    definitions: list[JsonObject]
    build_cells: Callable[[JsonMapping, float], list[Any]]


def table(
    resource: Resource,
    objects: Iterable[JsonMapping],
    list_metadata: JsonMapping | None = None,
    include_object: str = "Metadata",
    columns: list[JsonObject] | None = None,
    now: float | None = None,
    *,
    kind: tuple[str, str] | None = None,
    shown: Callable[[Any], JsonMapping] | None = None,
    own: KindColumns | None = None,
) -> JsonObject:
    """Return the Table of some objects of one resource.

    list_metadata: of the list (resourceVersion, continue ...); for one object its resourceVersion.
    include_object: "Metadata" (as upstream's default), "Object" or "None". columns: column definitions to
    send, [] for later events of a watch, None for those of the kind. Kinds without a printer get Name and
    Created At. now: Unix time in seconds, for ages. kind: (group, kind) of the objects if it is not the
    resource's, as for a subresource. shown: converts an object for its row with "Object", if the row has
    another version than the cells. own: the columns of a custom resource.
    """
    now = time.time() if now is None else now
    kind = kind or (resource.group, resource.kind)
    printer = PRINTERS.get(_SHARED.get(kind, kind)) if own is None else own.build_cells
    is_pod = kind == ("", "Pod")
    rows = []
    if kind == _FLOW_SCHEMA:
        objects = sorted(objects, key=_precedence)
    for obj in objects:
        row: dict[str, Any] = {"cells": _default_cells(obj) if printer is None else printer(obj, now)}
        if is_pod and (conditions := row_conditions(obj)):
            row["conditions"] = conditions
        if include_object == "Metadata":
            row["object"] = partial_metadata(obj)
        elif include_object == "Object":
            row["object"] = obj if shown is None else shown(obj)
        else:
            row["object"] = None
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(list_metadata or {}),
        "columnDefinitions": _list_columns(kind, own) if columns is None else columns,
        # For kinds with only the general printer, Go has a nil list.
        "rows": rows or (None if printer is None else []),
    }


def _list_columns(kind: tuple[str, str], own: KindColumns | None) -> list[JsonObject]:
    return column_definitions(*kind) if own is None else own.definitions


def describe_name_column() -> JsonObject:
    """Return the definition of the column with the name."""
    return _describe_column(load_columns().common["name"])


def has_field_as_annotation(kind: str) -> bool:
    """Whether objects may have an annotation that only the server uses."""
    return kind in _FIELDS_AS_ANNOTATIONS


def partial_metadata(obj: JsonMapping) -> dict[str, Any]:
    """Return the object as PartialObjectMetadata."""
    metadata = obj.get("metadata") or {}
    annotations = metadata.get("annotations")
    internal = _FIELDS_AS_ANNOTATIONS.get(obj.get("kind", ""))
    if internal and annotations and internal in annotations:
        kept = {name: value for name, value in annotations.items() if name != internal}
        metadata = {name: value for name, value in metadata.items() if name != "annotations"}
        if kept:
            metadata["annotations"] = kept
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}


def columns(resource: Resource) -> list[JsonObject]:
    """Column definitions of a resource's table."""
    return column_definitions(resource.group, resource.kind)


@cache
def column_definitions(group: str, kind: str) -> list[JsonObject]:
    """Column definitions of a kind: name, type, format, description, priority. Callers share the list."""
    own = load_columns().find(*_SHARED.get((group, kind), (group, kind)))
    if own is None:
        age = _describe_column(load_columns().common["age"])
        return [describe_name_column(), age | {"name": "Created At", "type": "date"}]
    return [_describe_column(column) for column in own]


def _describe_column(column: Column) -> JsonObject:
    description = column.description or _describe_fields().get(column.description_of, "")
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": description,
        "priority": column.priority,
    }


@cache
def _describe_fields() -> dict[str, str]:
    """Return the texts of the fields that columns refer to, read from the definitions for the first table."""
    table, raw = load_columns(), definitions.load()
    references = {column.description_of for column in table.common.values()}
    for kinds in table.kinds.values():
        references |= {column.description_of for own in kinds.values() for column in own}
    texts: dict[str, str] = {}
    for reference in references:
        kind, _, field = reference.rpartition(".")
        definition = raw.get(kind) or raw.get(f"io.k8s.api.{kind}")
        if definition is not None and field in definition.get("properties", {}):
            texts[reference] = definition["properties"][field].get("description", "")
    return texts


def _default_cells(obj: JsonMapping) -> list[Any]:
    metadata = obj.get("metadata") or {}
    return [metadata.get("name", ""), metadata.get("creationTimestamp", "")]


def _precedence(obj: JsonMapping) -> tuple[int, str]:
    """Sort flow schemas in the order in which the server tries them."""
    return (obj.get("spec") or {}).get("matchingPrecedence", 0), obj["metadata"]["name"]
