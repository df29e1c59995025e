"""The rules of structural schemas: pruning and defaults need a schema with one type for each value.

A schema is structural if its types stand outside of allOf, anyOf, oneOf and not, and if these only restrict
values that have a type outside. Source: apiextensions-apiserver pkg/apiserver/schema/{convert,validation,
complete}.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from operator import attrgetter
from typing import Final

import re2

from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.schema_walk import (
    LISTS,
    SchemaPath,
    iterate_schemas,
)
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

#: Of a schema: thousands of errors with long paths help nobody.
MOST_ERRORS: Final = 100
_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_EMBEDDED: Final = "x-kubernetes-embedded-resource"
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_INT_OR_STRING_TYPES: Final = [{"type": "integer"}, {"type": "string"}]
_UNSUPPORTED: Final = (
    "id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions",
)  # fmt: skip
#: By level: where the type of a schema is missing.
_WITHOUT_TYPE: Final = {
    "root": "at the root",
    "item": "for specified array items",
    "field": "for specified object fields",
}
#: What a schema within allOf, anyOf, oneOf or not may not have, and the word for it.
_FORBIDDEN_WITHIN: Final = {
    "type": "empty",
    "default": "undefined",
    "title": "empty",
    "description": "empty",
    "nullable": "false",
    _PRESERVE: "false",
    _EMBEDDED: "false",
    _INT_OR_STRING: "false",
    "x-kubernetes-list-map-keys": "empty",
    "x-kubernetes-list-type": "undefined",
    "x-kubernetes-map-type": "undefined",
    "x-kubernetes-validations": "empty",
}


def explain_unsupported(schema: JsonObject) -> str:
    """Return why no structural schema can be made of a schema, "" if one can."""
    for part in iterate_schemas(schema):
        for name in _UNSUPPORTED:
            if part.get(name):
                shown = "schema" if name == "$schema" else name
                return f"OpenAPIV3Schema '{shown}' is not supported"
        if isinstance(part.get("items"), list):
            return "OpenAPIV3Schema 'items' must be a schema, but is an array"
        if part.get(_PRESERVE) is False:
            return f"internal error: '{_PRESERVE}' must be true or undefined"
    return ""


def is_structural(schema: JsonObject) -> bool:
    """Whether a schema breaks no rule of this module."""
    return not explain_unsupported(schema) and not find_errors(schema, SchemaPath(""))


def find_errors(schema: JsonObject, path: SchemaPath) -> list[FieldError]:
    """Return the broken rules of a schema that explain_unsupported accepts, in upstream's order."""
    errors = [*islice(chain(_check_structure(schema, path), _check_completeness(schema, path)), MOST_ERRORS)]
    return sorted(errors, key=attrgetter("field", "detail"))


@dataclass(frozen=True, slots=True)
class _Place:
    """A schema outside of allOf, anyOf, oneOf and not. level: root, item or field."""

    schema: JsonObject
    path: SchemaPath
    level: str


@dataclass(frozen=True, slots=True)
class _Restriction:
    """A schema within allOf, anyOf, oneOf or not. skips_any_of: it is part of the form of int-or-string."""

    schema: JsonObject
    path: SchemaPath
    skips_any_of: bool = False


def _check_structure(root: JsonObject, path: SchemaPath) -> Errors:
    pending = [_Place(root, path, "root")]
    while pending:
        place = pending.pop()
        yield from _check_place(place)
        pending += _list_inner_places(place)


def _list_inner_places(place: _Place) -> Iterator[_Place]:
    schema, path = place.schema, place.path
    if schema.get("items") is not None:
        yield _Place(schema["items"], path.join("items"), "item")
    for name, held in (schema.get("properties") or {}).items():
        yield _Place(held, path.join(f"properties[{name}]"), "field")
    if isinstance(schema.get("additionalProperties"), dict):
        yield _Place(schema["additionalProperties"], path.join("additionalProperties"), "field")


def _check_place(place: _Place) -> Errors:
    schema, path = place.schema, place.path
    has_additional = schema.get("additionalProperties") is not None
    if schema.get("type") == "array" and schema.get("items") is None:
        yield field.required(f"{path}.items", "must be specified")
    if has_additional and place.level == "root":
        yield field.forbidden(f"{path}.additionalProperties", "must not be used at the root")
    if schema.get(_INT_OR_STRING):
        for name in (_PRESERVE, _EMBEDDED):
            if schema.get(name):
                yield field.invalid(f"{path}.{name}", True, f"must be false if {_INT_OR_STRING} is true")
    yield from _check_type(place)
    if schema.get(_EMBEDDED):
        yield from _check_embedded(schema, path, has_additional=has_additional)
    yield from _check_metadata(place)
    if schema.get("pattern"):
        yield from _check_pattern(schema["pattern"], path)
    any_of, all_of = schema.get("anyOf") or [], schema.get("allOf") or []
    skips_first = bool(all_of) and all_of[0].get("anyOf") == _INT_OR_STRING_TYPES
    yield from _check_restrictions(
        _Restriction(schema, path, skips_any_of=any_of == _INT_OR_STRING_TYPES), skips_first=skips_first
    )


def _check_type(place: _Place) -> Errors:
    schema, path = place.schema, place.path
    held = schema.get("type") or ""
    if schema.get(_EMBEDDED) and held != "object":
        text = f"must be object if {_EMBEDDED} is true"
        yield field.invalid(f"{path}.type", held, text) if held else field.required(f"{path}.type", text)
    elif not held and not schema.get(_INT_OR_STRING) and not schema.get(_PRESERVE):
        yield field.required(f"{path}.type", f"must not be empty {_WITHOUT_TYPE[place.level]}")
    if place.level == "root" and held not in {"", "object"}:
        yield field.invalid(f"{path}.type", held, "must be object at the root")


def _check_embedded(schema: JsonObject, path: SchemaPath, *, has_additional: bool) -> Errors:
    if has_additional:
        yield field.forbidden(f"{path}.additionalProperties", f"must not be used if {_EMBEDDED} is set")
    if not schema.get(_PRESERVE) and not schema.get("properties"):
        text = f"must not be empty if {_EMBEDDED} is true without {_PRESERVE}"
        yield field.required(f"{path}.properties", text)


def _check_metadata(place: _Place) -> Errors:
    """Check the schemas of kind, apiVersion and metadata of an object."""
    properties = place.schema.get("properties") or {}
    is_object = place.level == "root" or bool(place.schema.get(_EMBEDDED))
    if is_object:
        for name, wanted in (("kind", "string"), ("apiVersion", "string"), ("metadata", "object")):
            held = (properties.get(name) or {}).get("type") or ""
            if name in properties and held != wanted:
                yield field.invalid(f"{place.path}.properties[{name}].type", held, f"must be {wanted}")
    if place.level == "root" and "metadata" in properties:
        metadata = properties["metadata"]
        other = {name for name, held in metadata.items() if held} - {"type", "default", "properties"}
        if other or (metadata.get("properties") or {}).keys() - {"name", "generateName"}:
            text = "must not specify anything other than name and generateName, but metadata is implicitly "
            yield field.forbidden(f"{place.path}.properties[metadata]", f"{text}specified")


def _check_pattern(pattern: str, path: SchemaPath) -> Errors:
    try:
        re2.compile(pattern)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        text = f"must be a valid regular expression, but isn't: {reason}"
        yield field.invalid(f"{path}.pattern", pattern, text)


def _list_restrictions(holder: _Restriction, *, skips_first: bool) -> Iterator[_Restriction]:
    for name in LISTS:
        if name == "anyOf" and holder.skips_any_of:
            continue
        for index, held in enumerate(holder.schema.get(name) or ()):
            skips = name == "allOf" and index == 0 and skips_first
            yield _Restriction(held, holder.path.join(f"{name}[{index}]"), skips)
    if holder.schema.get("not") is not None:
        yield _Restriction(holder.schema["not"], holder.path.join("not"))


def _check_restrictions(holder: _Restriction, *, skips_first: bool) -> Errors:
    """Check all schemas within allOf, anyOf, oneOf and not of a schema, and what is within them."""
    pending = list(_list_restrictions(holder, skips_first=skips_first))
    while pending:
        restriction = pending.pop()
        schema, path = restriction.schema, restriction.path
        yield from _check_restriction(schema, path)
        pending += _list_restrictions(restriction, skips_first=False)
        if schema.get("items") is not None:
            pending.append(_Restriction(schema["items"], path.join("items")))
        for name, held in (schema.get("properties") or {}).items():
            pending.append(_Restriction(held, path.join(f"properties[{name}]")))


def _check_restriction(schema: JsonObject, path: SchemaPath) -> Errors:
    if schema.get("pattern"):
        yield from _check_pattern(schema["pattern"], path)
    if schema.get("additionalProperties") not in (None, False):
        yield field.forbidden(f"{path}.additionalProperties", "must be undefined to be structural")
    for name, word in _FORBIDDEN_WITHIN.items():
        held = schema.get(name)
        # A default of 0 or false is one, too.
        if held is not None if name == "default" else held:
            yield field.forbidden(f"{path}.{name}", f"must be {word} to be structural")
    if "metadata" in (schema.get("properties") or {}):
        yield field.forbidden(f"{path}.properties[metadata]", "must not be specified in a nested context")


def _check_completeness(root: JsonObject, path: SchemaPath) -> Errors:
    """Check that what the root's allOf, anyOf, oneOf and not restrict has a type outside of them."""
    Pair = tuple[_Restriction, JsonObject, SchemaPath]  # noqa: N806  a type
    pending: list[Pair] = [
        (held, root, path) for held in _list_restrictions(_Restriction(root, path), skips_first=False)
    ]
    while pending:
        restriction, outer, outer_path = pending.pop()
        schema = restriction.schema
        inner = list(_list_restrictions(restriction, skips_first=False))
        pending += [(held, outer, outer_path) for held in inner]
        if schema.get("items") is not None:
            held_path, missing_path = restriction.path.join("items"), outer_path.join("items")
            if outer.get("items") is None:
                yield field.required(str(missing_path), f"because it is defined in {held_path}")
            else:
                pending.append((_Restriction(schema["items"], held_path), outer["items"], missing_path))
        properties = outer.get("properties") or {}
        for name, held_schema in (schema.get("properties") or {}).items():
            held_path = restriction.path.join(f"properties[{name}]")
            missing_path = outer_path.join(f"properties[{name}]")
            if name not in properties:
                yield field.required(str(missing_path), f"because it is defined in {held_path}")
            else:
                pending.append((_Restriction(held_schema, held_path), properties[name], missing_path))
