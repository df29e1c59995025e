"""The rules of defaults: a default has no unknown fields, and its schema accepts it.

Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/{validation,prune}.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from kprov.kube.apiserver.registry.apiextensions.custom_resource.rules import MOST_EVALUATIONS, RuleSet
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.schema_walk import SchemaPath
from kprov.kube.apiserver.registry.generic import metadata
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.schema.custom import embedded, values
from kprov.kube.machinery.schema.custom.budget import Budget
from kprov.kube.machinery.schema.custom.equality import is_equal
from kprov.kube.machinery.schema.custom.problems import NOWHERE
from kprov.kube.machinery.schema.custom.pruning import prune_value
from kprov.kube.machinery.schema.custom.structural import ABSENT, Structural

_META: Final = frozenset({"apiVersion", "kind", "metadata"})
#: Of the object in which the default of a field of metadata is checked.
_TYPE_META: Final = {"apiVersion": "validation/v1", "kind": "Validation"}


@dataclass(frozen=True, slots=True)
class _Place:
    """A schema that may have a default.

    steps: from the resource to the value, a name or None for the item of a list. in_metadata: whether the
    value is in apiVersion, kind or metadata of the resource.
    """

    schema: Structural
    path: SchemaPath
    resource: Structural
    steps: tuple[str | None, ...] = ()
    in_metadata: bool = False


def find_errors(schema: Structural, path: SchemaPath, *, pruned: bool = True) -> Errors:
    """Yield what is wrong with the defaults of a structural schema. pruned: unknown fields are errors."""
    checks, evaluations = Budget(values.MOST_CHECKS), Budget(MOST_EVALUATIONS)
    for place in _list_places(schema, path):
        if place.schema.default is ABSENT:
            continue
        errors = list(_check_value(place, pruned=pruned, budget=checks))
        yield from errors
        if not errors and place.schema.has_rules:
            yield from _check_rules(place, evaluations)


def has_unknown_fields(schema: Structural) -> bool:
    """Whether a default has fields that its schema does not have."""
    return any(
        not place.in_metadata and not _is_pruned(place)
        for place in _list_places(schema, SchemaPath(""))
        if place.schema.default is not ABSENT
    )


def _list_places(schema: Structural, path: SchemaPath) -> Iterator[_Place]:
    """Yield all schemas that may have defaults: those within additionalProperties may have none."""
    pending = [_Place(schema, path, schema)]
    while pending:
        place = pending.pop()
        yield place
        current, where = place.schema, place.path
        if not current.has_defaults:
            continue
        is_resource = current is place.resource or current.embedded
        resource, steps = (current, ()) if is_resource else (place.resource, place.steps)
        in_metadata = place.in_metadata and not is_resource
        if current.items is not None:
            pending.append(_Place(current.items, where.join("items"), resource, (*steps, None), in_metadata))
        for name, child in current.properties.items():
            within = in_metadata or (is_resource and name in _META)
            pending.append(_Place(child, where.join(f"properties[{name}]"), resource, (*steps, name), within))


def _check_value(place: _Place, *, pruned: bool, budget: Budget) -> Errors:
    schema, path = place.schema, f"{place.path}.default"
    value = schema.make_default()
    if place.in_metadata:
        fault = _explain_metadata(place, value)
        if fault:
            yield field.invalid(path, value, f"must result in valid metadata: {fault}")
            return
    else:
        if pruned and not _is_pruned(place):
            yield field.invalid(path, value, "must not have unknown fields")
        errors = list(_check_resources(value, schema, path))
        if errors:
            yield from errors
            return
    yield from values.find_errors(schema, value, path, budget=budget)


def _check_rules(place: _Place, budget: Budget) -> Errors:
    """Evaluate the rules for a default that is stored already, then for one that is new."""
    schema, path = place.schema, f"{place.path}.default"
    value, rules = schema.make_default(), RuleSet(schema)
    for old in (value, None):
        errors = rules.check(value, old, [], budget=budget, is_resource=schema is place.resource)
        yield from (_place_under(path, error) for error in errors)
        if errors:
            return


def _is_pruned(place: _Place) -> bool:
    value = place.schema.make_default()
    prune_value(value, place.schema)
    return is_equal(value, place.schema.make_default())


def _check_resources(value: Any, schema: Structural, path: str) -> Iterator[FieldError]:
    """Check the metadata of resources within a default."""
    _, fault = embedded.coerce(value, schema)
    errors = (
        [fault]
        if fault is not None
        else list(embedded.find_errors(value, schema, metadata.validate_common_metadata))
    )
    yield from (_place_under(path, error) for error in errors)


def _explain_metadata(place: _Place, value: Any) -> str:
    """Return why a default makes invalid metadata, "" if it does not."""
    for step in reversed(place.steps):
        value = [value] if step is None else {step: value}
    resource: Any = {**_TYPE_META, **value}
    try:
        embedded.clean_metadata(resource)
    except embedded.MetadataError as error:
        return str(error)
    errors = metadata.validate_common_metadata(resource.get("metadata") or {})
    return ", ".join(f"{error.field}: {error.detail}" for error in errors)


def _place_under(path: str, error: FieldError) -> FieldError:
    name = "" if error.field == NOWHERE else error.field
    return FieldError(error.reason, f"{path}.{name}" if name else path, error.detail)
