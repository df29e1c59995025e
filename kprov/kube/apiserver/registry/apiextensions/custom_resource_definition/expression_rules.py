"""The expressions of x-kubernetes-validations: they compile, and name fields and old values that exist.

Values are dynamic, so that a wrong field shows when a rule is evaluated. Costs are not estimated.
Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go, pkg/apiserver/schema/cel/
compilation.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from kprov.kube.apiserver.registry.apiextensions.custom_resource.rules import Rule
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.field_paths import (
    FieldPathError,
    find_field,
)
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.schema_walk import SchemaPath
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.component_helpers.cel.errors import CompileError
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema.custom.structural import Structural

_RULES: Final = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class _Place:
    """A schema. uncorrelatable: where the stored value cannot be found any more, None if it can."""

    schema: Structural
    path: SchemaPath
    uncorrelatable: SchemaPath | None = None


def find_errors(schema: Structural, path: SchemaPath, known: frozenset[str]) -> Errors:
    """Yield what is wrong with the rules of a structural schema.

    known: expressions of the stored definition, which are not compiled again.
    """
    pending = [_Place(schema, path)]
    while pending:
        place = pending.pop()
        for index, raw in enumerate(place.schema.rules):
            yield from _check_rule(raw, place, f"{place.path}.{_RULES}[{index}]", known)
        pending += [child for child in _list_inner_places(place) if child.schema.has_rules]


def _list_inner_places(place: _Place) -> Iterator[_Place]:
    schema, path = place.schema, place.path
    if schema.items is not None:
        lost = place.uncorrelatable or (path if schema.list_type != "map" else None)
        yield _Place(schema.items, path.join("items"), lost)
    lost = place.uncorrelatable or (path if schema.map_type == "atomic" else None)
    for name, child in schema.properties.items():
        yield _Place(child, path.join(f"properties[{name}]"), lost)
    if isinstance(schema.additional, Structural):
        yield replace(place, schema=schema.additional, path=path.join("additionalProperties"))


def _check_rule(raw: JsonObject, place: _Place, path: str, known: frozenset[str]) -> Errors:
    where = raw.get("fieldPath") or ""
    if where:
        try:
            find_field(where, place.schema)
        except FieldPathError:
            yield field.invalid(f"{path}.fieldPath", where, "must be a valid path")
    if {raw.get("rule") or "", raw.get("messageExpression") or ""} <= known | {""}:
        return
    try:
        rule = Rule(raw | {"messageExpression": ""})
    except CompileError as error:
        yield field.invalid(f"{path}.rule", raw, f"compilation failed: {error}")
        return
    if rule.program.result_type not in {"bool", "dyn"}:
        yield field.invalid(f"{path}.rule", raw, "cel expression must evaluate to a bool")
        return
    if raw.get("messageExpression"):
        yield from _check_message(raw, path)
    if rule.uses_old:
        if place.uncorrelatable is not None:
            text = "oldSelf cannot be used on the uncorrelatable portion of the schema within "
            yield field.invalid(f"{path}.rule", raw["rule"], f"{text}{place.uncorrelatable}")
    elif raw.get("optionalOldSelf") is not None:
        text = "may not be set if oldSelf is not used in rule"
        yield field.invalid(f"{path}.optionalOldSelf", raw["optionalOldSelf"], text)


def _check_message(raw: JsonObject, path: str) -> Errors:
    path = f"{path}.messageExpression"
    try:
        message = Rule(raw).message
    except CompileError as error:
        yield field.invalid(path, raw, f"messageExpression compilation failed: {error}")
        return
    if message is not None and message.result_type not in {"string", "dyn"}:
        yield field.invalid(path, raw, "messageExpression must evaluate to a string")
