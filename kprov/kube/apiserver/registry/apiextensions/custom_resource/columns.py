"""The table of a custom resource, from additionalPrinterColumns.

Source: apiextensions-apiserver/pkg/registry/customresource/tableconvertor/tableconvertor.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kprov.kube.apiserver.registry.apiextensions.custom_resource import json_path
from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.machinery.printers.cells import since
from kprov.kube.machinery.printers.tables import KindColumns, describe_name_column

_DESCRIPTION: Final = "Custom resource definition column (in JSONPath format)"
_AGE: Final = {
    "name": "Age",
    "type": "date",
    "jsonPath": ".metadata.creationTimestamp",
    "description": (
        "CreationTimestamp is a timestamp representing the server time when this object was created. It is "
        "not guaranteed to be set in happens-before order across separate operations. Clients may not set "
        "this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. "
        "Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/"
        "api-conventions.md#metadata"
    ),
}


@dataclass(frozen=True, slots=True)
class _Column:
    path: json_path.Path
    type: str


def build_columns(columns: Sequence[JsonObject] | None) -> KindColumns:
    """Build the columns of a version: its additionalPrinterColumns, or the age."""
    definitions = [describe_name_column()]
    parsed: list[_Column] = []
    for column in columns or (_AGE,):
        try:
            path = json_path.parse(column["jsonPath"])
        except json_path.JsonPathError:
            path = (json_path.Step(field=""),)
        description = column.get("description") or f"{_DESCRIPTION}: {column['jsonPath']}"
        definitions.append(
            {
                "name": column["name"],
                "type": column["type"],
                "format": column.get("format", ""),
                "description": description,
                "priority": column.get("priority", 0),
            }
        )
        parsed.append(_Column(path, column["type"]))

    def build_cells(obj: JsonMapping, now: float) -> list[Any]:
        name = (obj.get("metadata") or {}).get("name", "")
        return [name, *(_build_cell(column, obj, now) for column in parsed)]

    return KindColumns(definitions, build_cells)


def _build_cell(column: _Column, obj: JsonMapping, now: float) -> Any:
    values = json_path.find(column.path, obj)
    if not values or values[0] is None:
        return None
    value = values[0]
    if column.type == "date":
        return _format_age(value, now) if isinstance(value, str) else None
    if column.type == "integer":
        return int(value) if type(value) in {int, float} else None
    if column.type == "number":
        return value if type(value) in {int, float} else None
    if column.type == "boolean":
        return value if type(value) is bool else None
    return json_path.format_scalar(value)


def _format_age(value: str, now: float) -> str:
    try:
        return since(value, now)
    except ValueError:
        return "<invalid>"
