"""The types of one version of a definition: pruning, defaults and the most used keywords.

Source: apiextensions-apiserver/pkg/apiserver/schema/{pruning,defaulting,objectmeta}.
"""

from __future__ import annotations

import copy
from typing import Any, Final

import re2

from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.go_text.duplicate_fields import (
    describe_unknown_fields,
    has_no_duplicates,
    list_strict_errors,
    list_unknown_fields,
)
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema import object_schema
from kprov.kube.machinery.schema.nodes import ANY_NODE, Kind, Node
from kprov.kube.machinery.schema.object_schema import Gvk, SchemaReport

_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_TYPE_META: Final = ("apiVersion", "kind", "metadata")
_CONFIG_MAP: Final = ("", "v1", "ConfigMap")
_SCALARS: Final = {
    "string": Kind.STRING,
    "boolean": Kind.BOOL,
    "integer": Kind.INT64,
    "number": Kind.NUMBER,
}
_PYTHON: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}


class CustomTypes:
    """One version of a definition. It implements KindTypes."""

    def __init__(self, gvk: Gvk, schema: JsonObject | None, *, preserve_unknown: bool = False) -> None:
        self._gvk = gvk
        self._schema: JsonObject = schema or {}
        if schema is None or preserve_unknown:
            self._schema = {"type": "object", **self._schema, _PRESERVE: True}
        self._node = _build_node(self._schema)
        if self._node.kind is Kind.ANY:
            self._node = Node(Kind.STRUCT)
        self._node.kind = Kind.STRUCT
        known = object_schema.builtin().node(_CONFIG_MAP).fields
        self._node.fields |= {name: known[name] for name in _TYPE_META}

    def node(self, gvk: Gvk) -> Node:
        return self._node if gvk == self._gvk else ANY_NODE

    def prune(self, obj: dict[str, Any], gvk: Gvk, body: bytes | None = None) -> SchemaReport:
        is_whole = body is None or has_no_duplicates(body, obj)
        type_meta: JsonObject = {name: obj[name] for name in _TYPE_META if name in obj}
        report = object_schema.builtin().prune(type_meta, _CONFIG_MAP)
        if "metadata" in obj:
            obj["metadata"] = type_meta.get("metadata") or {}
        _prune(self._schema, obj, "", report.unknown_fields, is_root=True)
        if body is None:
            report.strict_errors = list_unknown_fields(report.unknown_fields)
        elif not is_whole:
            report.strict_errors = list_strict_errors(body, report.unknown_fields)
        else:
            report.strict_errors = describe_unknown_fields(report.unknown_fields)
        return report

    def default(self, obj: JsonObject) -> None:
        _default(self._schema, obj)

    def validate(self, obj: JsonObject, old: JsonObject | None = None) -> list[FieldError]:
        errors: list[FieldError] = []
        if old is None or _drop_metadata(obj) != _drop_metadata(old):
            _validate(self._schema, _drop_metadata(obj), "", errors)
        return errors


def _drop_metadata(obj: JsonObject) -> JsonObject:
    return {name: value for name, value in obj.items() if name not in _TYPE_META}


def _build_node(schema: JsonObject) -> Node:
    kind = schema.get("type")
    if kind == "object" and schema.get("properties") and not schema.get("additionalProperties"):
        node = Node(Kind.STRUCT)
        node.fields = {name: _build_node(child) for name, child in schema["properties"].items()}
    elif kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        node = Node(Kind.MAP)
        node.item = _build_node(schema["additionalProperties"])
    elif kind == "array":
        node = Node(Kind.LIST)
        node.item = _build_node(schema.get("items") or {})
        node.list_type = schema.get("x-kubernetes-list-type", "atomic")
        node.map_keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
    elif schema.get("x-kubernetes-int-or-string"):
        node = Node(Kind.INT_OR_STRING)
    else:
        node = Node(_SCALARS.get(kind or "", Kind.ANY))
    node.atomic = schema.get("x-kubernetes-map-type") == "atomic"
    return node


def _prune(schema: JsonObject, value: Any, path: str, unknown: list[str], *, is_root: bool = False) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _prune(schema.get("items") or {}, item, f"{path}[{index}]", unknown)
        return
    if not isinstance(value, dict):
        return
    known = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    is_resource = is_root or schema.get("x-kubernetes-embedded-resource")
    for name in list(value):
        where = f"{path}.{name}" if path else name
        if is_resource and name in _TYPE_META:
            continue
        if name in known:
            _prune(known[name], value[name], where, unknown)
        elif isinstance(others, dict):
            _prune(others, value[name], where, unknown)
        elif not others and not schema.get(_PRESERVE):
            unknown.append(where)
            del value[name]


def _default(schema: JsonObject, value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _default(schema.get("items") or {}, item)
        return
    if not isinstance(value, dict):
        return
    for name, child in (schema.get("properties") or {}).items():
        if (
            value.get(name) is None
            and "default" in child
            and (name not in value or not child.get("nullable"))
        ):
            value[name] = copy.deepcopy(child["default"])
        if name in value:
            _default(child, value[name])
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        for name in value.keys() - (schema.get("properties") or {}).keys():
            _default(others, value[name])


def _validate(  # noqa: C901  one case for each type
    schema: JsonObject, value: Any, path: str, errors: list[FieldError]
) -> None:
    if value is None and schema.get("nullable"):
        return
    if not _has_type(schema, value):
        found = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer"}
        name = "null" if value is None else found.get(type(value), "number")
        wanted = schema.get("type", "integer,string")
        text = f'{path or "<nil>"} in body must be of type {wanted}: "{name}"'
        errors.append(FieldError("FieldValueTypeInvalid", path, f'Invalid value: "{name}": {text}'))
        return
    if "enum" in schema and value not in schema["enum"]:
        errors.append(field.not_supported(path, value, [str(item) for item in schema["enum"]]))
    if isinstance(value, dict):
        errors += [
            field.required(f"{path}.{name}".lstrip("."))
            for name in schema.get("required") or ()
            if name not in value
        ]
        known, others = schema.get("properties") or {}, schema.get("additionalProperties")
        for name, held in value.items():
            if name in known:
                _validate(known[name], held, f"{path}.{name}".lstrip("."), errors)
            elif isinstance(others, dict):
                _validate(others, held, f"{path}.{name}".lstrip("."), errors)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _validate(schema.get("items") or {}, item, f"{path}[{index}]", errors)
    elif isinstance(value, str):
        if "pattern" in schema and not re2.search(schema["pattern"], value):
            errors.append(field.invalid(path, value, f"{path} in body should match '{schema['pattern']}'"))
    elif type(value) in {int, float}:
        _validate_number(schema, value, path, errors)


def _validate_number(schema: JsonObject, value: float, path: str, errors: list[FieldError]) -> None:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and value < least:
        text = f"{path} in body should be greater than or equal to {least}"
        errors.append(field.invalid(path, value, text))
    if most is not None and value > most:
        errors.append(field.invalid(path, value, f"{path} in body should be less than or equal to {most}"))


def _has_type(schema: JsonObject, value: Any) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return type(value) in {int, str}
    wanted = schema.get("type")
    if wanted is None:
        return True
    if wanted == "integer" and type(value) is float and value.is_integer():
        return True
    return type(value) in _PYTHON[wanted]
