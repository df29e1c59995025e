"""The rules of each schema in a definition, apart from those of structural schemas.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go
(ValidateCustomResourceDefinitionOpenAPISchema, specStandardValidatorV3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.schema_walk import (
    LISTS,
    SchemaPath,
)
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject

TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")
_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_LIST_TYPE: Final = "x-kubernetes-list-type"
_MAP_TYPE: Final = "x-kubernetes-map-type"
_MAP_KEYS: Final = "x-kubernetes-list-map-keys"
_RULES: Final = "x-kubernetes-validations"
_META: Final = {"metadata", "kind", "apiVersion"}
_REASONS: Final = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"]
_UNSUPPORTED: Final = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
_NOWHERE: Final = SchemaPath("")
_LINE_BREAK: Final = re.compile(r"[\n\r]")


@dataclass(frozen=True, slots=True)
class Requirements:
    """Which rules apply. A stored definition that breaks one may break it further.

    types: only the types of OpenAPI. atomic_sets: items of a set are atomic. map_keys: keys of a list are
    required or have a default, and items are not nullable.
    """

    types: bool = True
    atomic_sets: bool = True
    map_keys: bool = True


@dataclass(frozen=True, slots=True)
class _Place:
    """A schema. without_defaults: why it may not have a default, "" if it may."""

    schema: JsonObject
    path: SchemaPath
    is_root: bool = False
    is_metadata: bool = False
    without_defaults: str = ""


def find_errors(root: JsonObject, path: SchemaPath, requirements: Requirements) -> Errors:
    """Yield the broken rules of a schema and of all schemas within it."""
    pending = [_Place(root, path, is_root=True)]
    while pending:
        place = pending.pop()
        yield from _check_place(place, requirements)
        pending += _list_inner_places(place)


def has_invalid_type(schema: JsonObject) -> bool:
    """Whether the type is none of OpenAPI's."""
    return bool(schema.get("type")) and schema["type"] not in TYPES


def has_set_of_non_atomic(schema: JsonObject) -> bool:
    """Whether the schema is a set whose items are not atomic."""
    return next(_check_set(schema, _NOWHERE), None) is not None


def has_invalid_map_keys(schema: JsonObject) -> bool:
    """Whether the schema breaks the rules of `Requirements.map_keys`."""
    return next(_check_map_keys(schema, _NOWHERE), None) is not None


def _list_inner_places(place: _Place) -> Iterator[_Place]:
    schema, path = place.schema, place.path
    within = replace(place, is_root=False)
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        reason = "inside additionalProperties applying to object metadata" if place.is_metadata else ""
        reason = reason or place.without_defaults
        inner = replace(within, schema=additional, path=path.join("additionalProperties"))
        yield replace(inner, without_defaults=reason)
    is_object = place.is_root or bool(schema.get("x-kubernetes-embedded-resource"))
    for name, held in (schema.get("properties") or {}).items():
        inner = replace(within, schema=held, path=path.join(f"properties[{name}]"))
        if is_object and name in _META:
            reason = f"in top-level {name}" if place.is_root else place.without_defaults
            inner = replace(inner, is_metadata=True, without_defaults=reason)
        yield inner
    for suffix, held in _iterate_others(schema):
        yield replace(within, schema=held, path=path.join(suffix))


def _iterate_others(schema: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Yield the schemas within a schema that are no properties, each with its path from there."""
    for keyword in ("items", *LISTS):
        listed = schema.get(keyword)
        if isinstance(listed, list):
            yield from ((f"{keyword}[{index}]", held) for index, held in enumerate(listed))
    for keyword in ("items", "not"):
        if isinstance(schema.get(keyword), dict):
            yield keyword, schema[keyword]
    for keyword in ("definitions", "dependencies"):
        named = schema.get(keyword) or {}
        yield from ((f"{keyword}[{name}]", held) for name, held in named.items() if isinstance(held, dict))


def _check_place(place: _Place, requirements: Requirements) -> Errors:
    schema, path = place.schema, place.path
    held = schema.get("type") or ""
    if requirements.types and has_invalid_type(schema):
        yield field.not_supported(f"{path}.type", held, TYPES)
    if schema.get("default") is not None and place.without_defaults:
        yield field.forbidden(f"{path}.default", f"must not be set {place.without_defaults}")
    yield from _check_unsupported(place)
    if schema.get("uniqueItems"):
        text = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield field.forbidden(f"{path}.uniqueItems", text)
    if schema.get("properties") and schema.get("additionalProperties") not in (None, True):
        text = "additionalProperties and properties are mutual exclusive"
        yield field.forbidden(f"{path}.additionalProperties", text)
    if schema.get(_PRESERVE) is False:
        yield field.invalid(f"{path}.{_PRESERVE}", False, "must be true or undefined")
    yield from _check_container_type(schema, path, _MAP_TYPE, "object", ("atomic", "granular"))
    yield from _check_container_type(schema, path, _LIST_TYPE, "array", ("atomic", "set", "map"))
    if requirements.atomic_sets and held == "array":
        yield from _check_set(schema, path)
    yield from _check_map(schema, path)
    if requirements.map_keys:
        yield from _check_map_keys(schema, path)
    for index, rule in enumerate(schema.get(_RULES) or ()):
        yield from _check_rule(rule, path.join(f"{_RULES}[{index}]"))


def _check_unsupported(place: _Place) -> Errors:
    schema, path = place.schema, place.path
    for name in _UNSUPPORTED:
        if schema.get(name):
            yield field.forbidden(f"{path}.{name}", f"{name} is not supported")
    if schema.get("type") == "null":
        text = "type cannot be set to null, use nullable as an alternative"
        yield field.forbidden(f"{path}.type", text)
    if isinstance(schema.get("items"), list):
        yield field.forbidden(f"{path}.items", "items must be a schema object and not an array")
    if place.is_metadata and schema.get("x-kubernetes-embedded-resource"):
        text = "must not be used inside of resource meta"
        yield field.forbidden(f"{path}.x-kubernetes-embedded-resource", text)


def _check_container_type(
    schema: JsonObject, path: SchemaPath, name: str, wanted: str, supported: Sequence[str]
) -> Errors:
    """Check x-kubernetes-map-type or x-kubernetes-list-type."""
    value, held = schema.get(name), schema.get("type") or ""
    if value is None:
        return
    if held != wanted:
        text = f"must be {wanted} if {name} is specified"
        yield field.invalid(f"{path}.type", held, text) if held else field.required(f"{path}.type", text)
    if value not in supported:
        yield field.not_supported(f"{path}.{name}", value, supported)


def _check_set(schema: JsonObject, path: SchemaPath) -> Errors:
    items = schema.get("items")
    if schema.get(_LIST_TYPE) != "set" or not isinstance(items, dict):
        return
    text = f"must be atomic as item of a list with {_LIST_TYPE}=set"
    if items.get("type") == "array" and items.get(_LIST_TYPE) not in {None, "atomic"}:
        yield field.invalid(f"{path}.items.{_LIST_TYPE}", items.get(_LIST_TYPE), text)
    if items.get("type") == "object" and items.get(_MAP_TYPE) != "atomic":
        yield field.invalid(f"{path}.items.{_MAP_TYPE}", items.get(_LIST_TYPE), text)


def _check_map(schema: JsonObject, path: SchemaPath) -> Errors:
    keys, list_type = schema.get(_MAP_KEYS) or [], schema.get(_LIST_TYPE)
    if keys and list_type != "map":
        text = f"must be map if {_MAP_KEYS} is non-empty"
        name = f"{path}.{_LIST_TYPE}"
        yield field.required(name, text) if list_type is None else field.invalid(name, list_type, text)
    if list_type != "map":
        return
    if not keys:
        yield field.required(f"{path}.{_MAP_KEYS}", f"must not be empty if {_LIST_TYPE} is map")
    items = schema.get("items")
    if items is None:
        yield field.required(f"{path}.items", f"must have a schema if {_LIST_TYPE} is map")
    elif isinstance(items, list):
        yield field.invalid(f"{path}.items", items, f"must only have a single schema if {_LIST_TYPE} is map")
    elif items.get("type") != "object":
        text = f"must be object if parent array's {_LIST_TYPE} is map"
        yield field.invalid(f"{path}.items.type", items.get("type") or "", text)
    else:
        yield from _check_keys(keys, items, path)


def _check_keys(keys: Sequence[str], items: JsonObject, path: SchemaPath) -> Errors:
    properties = items.get("properties") or {}
    seen: set[str] = set()
    for key in keys:
        if key not in properties:
            yield field.invalid(f"{path}.{_MAP_KEYS}", keys, "entries must all be names of item properties")
        elif properties[key].get("type") in {"array", "object"}:
            text = f"must be a scalar type if parent array's {_LIST_TYPE} is map"
            yield field.invalid(f"{path}.items.properties[{key}].type", items.get("type"), text)
        if key in seen:
            yield field.invalid(f"{path}.{_MAP_KEYS}", keys, "must not contain duplicate entries")
        seen.add(key)


def _check_map_keys(schema: JsonObject, path: SchemaPath) -> Errors:
    items, list_type = schema.get("items"), schema.get(_LIST_TYPE)
    if not isinstance(items, dict) or list_type not in {"set", "map"}:
        return
    if items.get("nullable"):
        yield field.forbidden(
            f"{path}.items.nullable", f"cannot be nullable when {_LIST_TYPE} is {list_type}"
        )
    if list_type == "set":
        return
    properties, required = items.get("properties") or {}, set(items.get("required") or ())
    about = f"this property is in {_MAP_KEYS}, so it"
    for key in schema.get(_MAP_KEYS) or ():
        held = properties.get(key)
        if held is None:
            continue
        name = path.join(f"items.properties[{key}]")
        if key not in required and held.get("default") is None:
            yield field.required(f"{name}.default", f"{about} must have a default or be a required property")
        if held.get("nullable"):
            yield field.forbidden(f"{name}.nullable", f"{about} cannot be nullable")


def _check_rule(rule: JsonObject, path: SchemaPath) -> Errors:
    """Check what a rule says apart from its expressions."""
    expression, message = (rule.get("rule") or "").strip(), rule.get("message") or ""
    if not expression:
        yield field.required(f"{path}.rule", "rule is not specified")
    elif message and not message.strip():
        yield field.invalid(f"{path}.message", message, "must be non-empty if specified")
    elif _LINE_BREAK.search(message.strip()):
        yield field.invalid(f"{path}.message", message, "must not contain line breaks")
    elif _LINE_BREAK.search(expression) and not message.strip():
        text = "message must be specified if rule contains line breaks"
        yield field.required(f"{path}.message", text)
    expression = rule.get("messageExpression") or ""
    if expression and not expression.strip():
        text = "messageExpression must be non-empty if specified"
        yield field.required(f"{path}.messageExpression", text)
    if rule.get("reason") is not None and rule["reason"] not in _REASONS:
        yield field.not_supported(f"{path}.reason", rule["reason"], _REASONS)
    where = rule.get("fieldPath") or ""
    if where and not where.strip():
        yield field.invalid(f"{path}.fieldPath", where, "must be non-empty if specified")
    if _LINE_BREAK.search(where):
        yield field.invalid(f"{path}.fieldPath", where, "must not contain line breaks")
